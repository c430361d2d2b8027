"""Near-duplicates by their PDQ hashes: of each set, the best photo is kept."""
