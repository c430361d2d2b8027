"""A job that is too much for one graph of one machine, done in slices."""
