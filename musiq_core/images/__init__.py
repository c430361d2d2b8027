"""Bytes of a file become an upright picture, its scales, and patches of every scale."""
