"""The training loop: state, steps, losses, optimizer, devices."""
