"""`musiq demo`: sample photos for a first try, scored and shown."""
