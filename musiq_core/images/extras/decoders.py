"""The decoders that come with extras of the package, and which of them are there.

They are loaded with this module: the decode child can open no file later.
"""

import importlib
from typing import Any

EXTRA_OF = {"HEIC/HEIF": "heif", "JPEG XL": "jxl"}
"""Names of formats, as they are sniffed, to the extra that reads them."""


def _load(module: str, function: str) -> Any:
    """Return a function of a package; None if it is not installed."""
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError):
        return None


_DECODERS = {
    "HEIC/HEIF": _load("pi_heif", "open_heif"),
    "JPEG XL": _load("imagecodecs", "jpegxl_decode"),
}


def decoder_of(file_format: str) -> Any:
    """Return the function that reads a format of `EXTRA_OF`; None without its extra."""
    return _DECODERS[file_format]


def decode_tiles_in_turn() -> None:
    """Keep libheif from decoding several tiles of a picture at once."""
    if decoder_of("HEIC/HEIF") is not None:
        options: Any = importlib.import_module("pi_heif.options")
        options.DECODE_THREADS = 0
