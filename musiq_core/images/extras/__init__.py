"""HEIC/HEIF and JPEG XL, which are read where an extra of the package is installed."""
