"""The choice among the rows that meet all conditions."""
