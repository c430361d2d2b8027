"""Bytes of images: fetched, cut out of shards, prepared as patches."""
