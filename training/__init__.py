"""The programs that make model files; never imported by `pipelines`."""
