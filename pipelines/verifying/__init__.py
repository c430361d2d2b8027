"""`musiq verify`: check a ledger again, from its files alone."""
