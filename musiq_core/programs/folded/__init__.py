"""Parameters folded for inference, and the layers that both fast forms share."""
