"""What a run does with each ref, and what stops it before it begins."""
