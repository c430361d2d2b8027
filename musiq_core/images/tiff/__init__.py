"""TIFF: its directories, and samples of any layout as 8-bit colours."""
