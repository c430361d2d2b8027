"""What is wrong beside the picture of a PNG never costs the picture."""

import struct
import zlib

import numpy as np
import pytest
from helpers.make_images import encoded, photo_like

from musiq_core.images.decode import decode_image
from schemas.failures import ImageFailure

PIXELS = photo_like(40, 56)
WHOLE = encoded(PIXELS)
BOMB = zlib.compress(bytes(2**26))


def chunk(kind: bytes, content: bytes, *, checksum: int | None = None) -> bytes:
    found = zlib.crc32(kind + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", found)


SIDE_CHUNKS = {
    "iCCP of no sense": chunk(b"iCCP", b"name\0\0" + b"nonsense"),
    "iCCP of another compression": chunk(b"iCCP", b"name\0\7" + b"nonsense"),
    "iCCP without a name's end": chunk(b"iCCP", b""),
    "iCCP bomb": chunk(b"iCCP", b"name\0\0" + BOMB),
    "zTXt bomb": chunk(b"zTXt", b"key\0\0" + BOMB),
    "iTXt bomb": chunk(b"iTXt", b"key\0\1\0\0\0" + BOMB),
    "zTXt of another compression": chunk(b"zTXt", b"key\0\7words"),
    "a wrong checksum": chunk(b"tEXt", b"key\0words", checksum=1),
    "a private chunk with a wrong checksum": chunk(b"prVt", b"words", checksum=1),
    "an odd gamma": chunk(b"gAMA", b"\0"),
    "odd chromaticities": chunk(b"cHRM", b"\0\1\2"),
    "an odd intent": chunk(b"sRGB", b""),
    "odd sizes": chunk(b"pHYs", b"\0"),
    "odd transparency": chunk(b"tRNS", b"\0"),
    "EXIF of no sense": chunk(b"eXIf", b"nonsense"),
    "a short acTL": chunk(b"acTL", b"\0"),
    "a frame out of order": chunk(b"fcTL", struct.pack(">I", 7) + bytes(22)),
    "a key that Pillow uses itself": chunk(b"tEXt", b"bbox\0words"),
    "a length beyond the file": struct.pack(">I", 2**30) + b"tEXtkey\0words",
    "a length that swallows the picture": struct.pack(">I", 900) + b"tEXtkey\0words",
}


@pytest.mark.parametrize("where", ["IDAT", "IEND"])
@pytest.mark.parametrize("name", SIDE_CHUNKS)
def test_a_side_chunk_never_costs_the_picture(name, where):
    at = WHOLE.index(where.encode()) - 4
    image = decode_image(WHOLE[:at] + SIDE_CHUNKS[name] + WHOLE[at:])
    np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize("kind", ["IHDR", "IDAT"])
def test_a_damaged_chunk_of_the_picture_costs_it(kind):
    damaged = bytearray(WHOLE)
    damaged[WHOLE.index(kind.encode()) + 8] ^= 0xFF
    with pytest.raises(ImageFailure):
        decode_image(bytes(damaged))
