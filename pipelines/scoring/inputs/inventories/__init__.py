"""Inventory reports: listings of whole buckets that stores write every day."""
