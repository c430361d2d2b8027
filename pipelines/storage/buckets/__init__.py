"""Stores on the network: objects in buckets."""
