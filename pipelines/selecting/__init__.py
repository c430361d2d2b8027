"""`musiq select`: from scores to the list of photos to keep."""
