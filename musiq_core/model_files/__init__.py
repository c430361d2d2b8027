"""Model files: parameters with the card that says what they are."""
