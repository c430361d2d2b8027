"""The form for CPUs: tokens of many photos in one sequence without padding slots."""
