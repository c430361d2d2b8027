"""A run on one or many hosts: checkpoints, processes, logs, progress."""
