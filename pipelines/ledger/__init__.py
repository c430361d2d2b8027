"""The ledger's folder, and reading it: what scoring, verifying and cleaning share."""
