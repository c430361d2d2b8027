"""How well a model predicts what people said: predictions and their statistics."""
