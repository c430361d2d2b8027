"""Rows of a ledger as they are read, and which of them are still in."""
