"""Trained models: read from a run, published as numbered model files."""
