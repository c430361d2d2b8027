"""Calibration: what scores mean in the words of people who looked at some photos."""
