"""Copies of the kept photos: pinned to what was scored, verified, resumable."""
