"""The ledger's folder: what scoring, verifying and cleaning share."""
