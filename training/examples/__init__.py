"""From shards on disk to batches of tokens and labels."""
