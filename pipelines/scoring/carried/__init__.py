"""Carried values: what inputs say of their images, on its way to the ledger."""
