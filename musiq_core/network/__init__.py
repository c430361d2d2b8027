"""The network, defined once as Flax Linen modules."""
