"""Compiled programs that score batches of patches, and how they are checked."""
