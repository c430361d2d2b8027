"""Decoders' words for a file that ends before its picture does."""

_SIGNS = (
    "truncat",
    "premature end",
    "incomplete",
    "unexpected end",
    "not enough image data",
)


def tells_truncation(error: Exception) -> bool:
    """Whether a decoder raised this because the file is cut short."""
    message = str(error).lower()
    return any(sign in message for sign in _SIGNS)
