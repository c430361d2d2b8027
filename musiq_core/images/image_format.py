"""What the first bytes and the segments of a file tell before anything decodes it."""

import re

from schemas.failures import Failure, ImageFailure

ALLOWED_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF")

# The first match wins, so the narrower pattern of two stands first. The names of
# allowed formats are Pillow's. A BMP has only two letters of its own: the size of the
# header after them tells it from a text that begins with "BM".
_SIGNATURES = {
    "JPEG-LS": rb"\xff\xd8\xff\xf7",
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WEBP": rb"RIFF....WEBP",
    "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "AVIF": rb"....ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,12}?avi[fs])",
    "HEIC/HEIF": rb"....ftyp(?:he[iv].|mif.|msf1)",
    "Canon RAW": rb"II\*\0....CR|II\x1a\0..HEAPCCDR|....ftypcrx ",
    "TIFF": rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]|II\0\x2a|MM\x2a\0",
    "JPEG 2000": rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    "JPEG XL": rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a",
    "JPEG XR": rb"II\xbc\x01",
    "PDF": rb"%PDF-",
    "PostScript/EPS": rb"%!PS|\xc5\xd0\xd3\xc6",
    "SVG": rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<(?:\?xml|!--|!doctype svg).{,900})?<svg[\s>]",
    "PSD": rb"8BPS\0[\x01\x02]",
    "ICO": rb"\0\0[\x01\x02]\0[\x01-\xff]\0",
    "ICNS": rb"icns",
    "DDS": rb"DDS ",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "Radiance HDR": rb"#\?(?:RADIANCE|RGBE)",
    "QOI": rb"qoif",
    "Netpbm": rb"P[1-7][\s#]+[\dW]",
    "PCX": rb"\x0a[\0\x02-\x05]\x01[\x01\x02\x04\x08]",
    "SGI": rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]",
    "Sun raster": rb"\x59\xa6\x6a\x95",
    "MNG/JNG": rb"\x8a[MJ]NG\r\n\x1a\n",
    "BPG": rb"BPG\xfb",
    "FITS": rb"SIMPLE  =",
    "XCF": rb"gimp xcf ",
    "WMF": rb"\xd7\xcd\xc6\x9a",
    "DjVu": rb"AT&TFORM....DJV",
    "DICOM": rb".{128}DICM",
}
_PATTERNS = {
    name: re.compile(pattern, re.DOTALL) for name, pattern in _SIGNATURES.items()
}

# A marker is a byte FF (or several) and a code. Left out are codes without a segment:
# 00 is an escaped FF inside a scan, 01 and D0 to D8 stand alone.
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA


def sniff_format(data: bytes) -> str | None:
    """Return the name of the image format that a file's first bytes announce.

    Args:
      data: The file; only its first kilobyte is looked at.

    Returns:
      A member of `ALLOWED_FORMATS`, the name of another image format, or None.
    """
    head = data[:1024]
    names = (name for name, pattern in _PATTERNS.items() if pattern.match(head))
    return next(names, None)


def require_allowed_format(data: bytes) -> str:
    """Return the member of `ALLOWED_FORMATS` that the first bytes announce.

    Raises:
      ImageFailure: `empty`, `not_an_image`, or `unsupported_format` for an image format
        outside the list.
    """
    if not data:
        raise ImageFailure(Failure.EMPTY, "the file has no bytes")
    name = sniff_format(data)
    if name is None:
        raise ImageFailure(
            Failure.NOT_AN_IMAGE, "the first bytes belong to no known image format"
        )
    if name not in ALLOWED_FORMATS:
        raise ImageFailure(
            Failure.UNSUPPORTED_FORMAT,
            f"{name} is not one of the formats {', '.join(ALLOWED_FORMATS)}",
        )
    return name


def count_jpeg_scans(data: bytes) -> int:
    """Return the number of scans in the first picture of a JPEG file.

    Decoding a progressive JPEG passes over the whole picture once a scan, so a small
    file of many scans can occupy a core for minutes. Photographs have at most about 15.

    Segments are walked, because a thumbnail or other metadata may hold the bytes of a
    scan marker. Bytes between segments are skipped, as decoders do.

    Args:
      data: A JPEG file, whole or cut.
    """
    scans = 0
    position = 2
    while marker := _MARKER.search(data, position):
        code = marker[1][0]
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        if code == _END_OF_IMAGE or length < 2:
            break
        scans += code == _START_OF_SCAN
        position = marker.end() + length
    return scans
