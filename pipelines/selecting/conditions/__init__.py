"""Conditions that rows must meet: in SQL, and as bounds of scores."""
