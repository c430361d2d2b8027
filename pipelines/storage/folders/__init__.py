"""What lies in a folder: how it is walked, and patterns of the names in it."""
