"""What can be measured of a photo without a model: PDQ, sharpness, tones, noise."""
