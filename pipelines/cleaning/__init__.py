"""`musiq clean`: remove what no kept state of a ledger needs."""
