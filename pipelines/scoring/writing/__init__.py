"""Rows of shards, journals while they are on their way, and the commit."""
