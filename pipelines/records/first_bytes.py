"""What a file is by its first bytes, whatever its name says."""

import enum
import re


class Packing(enum.StrEnum):
    """How a file is compressed; the value is what messages call it."""

    GZIP = "gzip"
    ZLIB = "zlib"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"


_PACKINGS = {
    Packing.GZIP: re.compile(rb"\x1f\x8b\x08"),
    Packing.BZIP2: re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    Packing.XZ: re.compile(rb"\xfd7zXZ\0"),
    Packing.ZSTD: re.compile(rb"\x28\xb5\x2f\xfd"),
    # The flags are a multiple of 31; other second bytes than these are not written.
    Packing.ZLIB: re.compile(rb"\x78[\x01\x5e\x9c\xda]"),
}
_KINDS = {
    "a zip archive": re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"),
    "a Parquet file": re.compile(rb"PAR1"),
    "an Arrow file": re.compile(rb"ARROW1\0\0"),
    "a RAR archive": re.compile(rb"Rar!\x1a\x07"),
    "a 7z archive": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "a web page": re.compile(rb"\s*<(!doctype\s+html|html)", re.IGNORECASE),
    "an answer in XML": re.compile(rb"\s*<\?xml"),
    "an answer in JSON": re.compile(rb"\s*[{\[]\s*[\"{\[\]}]"),
    "a JPEG picture": re.compile(rb"\xff\xd8\xff"),
    "a PNG picture": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "a pointer of Git LFS, not the file": re.compile(rb"version https://git-lfs"),
}
_ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")


def packing_of(first: bytes) -> Packing | None:
    """Return how a file is compressed that begins so, None if it is not."""
    if _ZSTD_SKIPPABLE.match(first):
        return Packing.ZSTD
    return next((one for one, begin in _PACKINGS.items() if begin.match(first)), None)


def kind_of_file(first: bytes) -> str | None:
    """Return what begins so, such as "a zip archive"; None if that is not known.

    Args:
      first: The first bytes; some forty suffice.
    """
    if not first:
        return "empty"
    if packing := packing_of(first):
        return f"compressed ({packing})"
    return next((kind for kind, begin in _KINDS.items() if begin.match(first)), None)
