"""The form for accelerators: static shapes, photos in buckets of like length."""
