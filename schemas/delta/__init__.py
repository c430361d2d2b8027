"""The log of a Delta table: its actions, the state they add up to, its checkpoints."""
