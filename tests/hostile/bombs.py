"""Small files that ask for much memory or much time."""

import functools
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from hostile.hostile_file import DAMAGED, SCORED, HostileFile, hostile
from hostile.seed_pictures import (
    pixels,
    png_header,
    png_of_chunks,
    saved,
    seed_pictures,
)
from PIL import Image

from musiq_core.config import DecodeConfig
from schemas.failures import Failure

_LIMIT_SIDE = int(DecodeConfig().max_pixels ** 0.5)
_MAX_SCANS = DecodeConfig().max_jpeg_scans


def bombs() -> Iterator[HostileFile]:
    yield from _blank_pictures()
    yield from _many_scans()
    yield from _many_frames()
    yield from _metadata()


def _blank_pictures() -> Iterator[HostileFile]:
    """One at the limit of pixels has too many tokens; one above is never decoded."""
    for side in (_LIMIT_SIDE, _LIMIT_SIDE + 8, 12_000):
        bit = Image.new("1", (side, side))
        yield hostile(
            f"bombs/{side}-bit.png",
            saved(bit, "PNG", compress_level=1),
            Failure.TOO_LARGE,
        )
        yield hostile(
            f"bombs/{side}-fax.tif",
            saved(bit, "TIFF", compression="group4"),
            Failure.TOO_LARGE,
        )
    grey = Image.new("L", (_LIMIT_SIDE, _LIMIT_SIDE))
    yield hostile("bombs/limit.jpg", saved(grey, "JPEG"), Failure.TOO_LARGE)
    yield hostile("bombs/limit.gif", saved(grey, "GIF"), Failure.TOO_LARGE)
    wide = Image.new("L", (60_000, 1))
    shapes = (SCORED, Failure.TOO_LARGE, Failure.UNSUPPORTED_SHAPE)
    yield hostile("bombs/wide.png", saved(wide, "PNG"), *shapes)
    yield hostile("bombs/high.png", saved(wide.rotate(90, expand=True), "PNG"), *shapes)
    strips = _strips_of_one_place(2**13)
    yield hostile("bombs/one-strip.tif", strips, *DAMAGED, Failure.TOO_LARGE)
    # 64 MiB of rows, deflated, where the header speaks of 9 KiB.
    rows = zlib.compress(bytes(2**26))
    png = png_of_chunks([(b"IHDR", png_header(64, 48)), (b"IDAT", rows), _END])
    yield hostile("bombs/too-many-rows.png", png, SCORED, *DAMAGED)


def _many_scans() -> Iterator[HostileFile]:
    """A progressive JPEG is passed over once a scan."""
    for scans, *allowed in (
        (_MAX_SCANS, SCORED),
        (_MAX_SCANS + 1, Failure.TOO_LARGE),
        (2500, Failure.TOO_LARGE),
    ):
        small = scanned_jpeg(Image.fromarray(pixels()), scans)
        yield hostile(f"bombs/{scans}-scans.jpg", small, *allowed)
    yield hostile(
        "bombs/slow.jpg", slow_jpeg(), Failure.TIMEOUT, Failure.TOO_LARGE, *DAMAGED
    )
    yield hostile(
        "bombs/very-slow.jpg",
        scanned_jpeg(_large(), 2500),
        Failure.TIMEOUT,
        Failure.TOO_LARGE,
    )


@functools.cache
def slow_jpeg() -> bytes:
    """The slowest JPEG within all limits: most pixels, most scans."""
    return scanned_jpeg(_large(), _MAX_SCANS)


def scanned_jpeg(picture: Image.Image, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are `scans`."""
    data = saved(picture, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    missing = scans - data.count(b"\xff\xda")
    return data[:-2] + last * missing + data[-2:]


def _large() -> Image.Image:
    return Image.new("L", (_LIMIT_SIDE, _LIMIT_SIDE))


def _many_frames() -> Iterator[HostileFile]:
    dots = [Image.new("P", (1, 1), color=index % 2) for index in range(3000)]
    frames = {"save_all": True, "append_images": dots[1:], "duration": 20}
    for name, file_format in (("gif", "GIF"), ("png", "PNG")):
        yield hostile(
            f"bombs/frames.{name}", saved(dots[0], file_format, **frames), SCORED
        )
    pages = io.BytesIO()
    dots[0].convert("L").save(
        pages,
        "TIFF",
        save_all=True,
        append_images=[dot.convert("L") for dot in dots[1:400]],
    )
    yield hostile("bombs/pages.tif", pages.getvalue(), SCORED)


def _metadata() -> Iterator[HostileFile]:
    """Texts and profiles that unpack to much, and very many of them.

    They may cost the picture or not; memory and time they may not cost.
    """
    mib64 = zlib.compress(bytes(2**26), 9)
    either = (SCORED, *DAMAGED, Failure.TOO_LARGE)
    yield hostile("bombs/ztxt.png", _png_with([(b"zTXt", b"k\0\0" + mib64)]), *either)
    yield hostile(
        "bombs/itxt.png", _png_with([(b"iTXt", b"k\0\1\0\0\0" + mib64)]), *either
    )
    yield hostile("bombs/iccp.png", _png_with([(b"iCCP", b"k\0\0" + mib64)]), *either)
    mib1 = zlib.compress(bytes(2**20 - 1), 9)
    many = [(b"zTXt", b"k%d\0\0" % index + mib1) for index in range(200)]
    yield hostile("bombs/many-ztxt.png", _png_with(many), *either)
    tiny = [(b"tEXt", b"k%d\0v" % index) for index in range(50_000)]
    yield hostile("bombs/many-text.png", _png_with(tiny), *either)
    jpeg = seed_pictures()["grey.jpg"]
    comments = (b"\xff\xfe" + struct.pack(">H", 9) + b"comment") * 20_000
    yield hostile(
        "bombs/comments.jpg", jpeg[:2] + comments + jpeg[2:], SCORED, *DAMAGED
    )
    profile = b"\xff\xe2" + struct.pack(">H", 65_535) + b"ICC_PROFILE\0"
    parts = b"".join(
        profile + bytes([part % 256, 255]) + bytes(65_519) for part in range(200)
    )
    yield hostile("bombs/profile.jpg", jpeg[:2] + parts + jpeg[2:], SCORED)


_END = (b"IEND", b"")


def _png_with(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A sound PNG with more chunks before its pixels."""
    rows = zlib.compress(b"".join(b"\0" + line.tobytes() for line in pixels()))
    height, width, _ = pixels().shape
    header = (b"IHDR", png_header(width, height))
    return png_of_chunks([header, *chunks, (b"IDAT", rows), _END])


def _strips_of_one_place(side: int) -> bytes:
    """A TIFF of side x side pixels whose rows all lie in the same few bytes."""
    header_size, entries = 8, 8
    offsets_at = header_size + 2 + 12 * entries + 4
    counts_at = offsets_at + 4 * side
    tags = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 8),  # deflate
        (262, 3, 1, 1),
        (273, 4, side, offsets_at),
        (278, 4, 1, 1),
        (279, 4, side, counts_at),
    ]
    directory = struct.pack("<H", entries)
    directory += b"".join(struct.pack("<HHII", *tag) for tag in tags)
    row = zlib.compress(bytes(side), 9)
    offsets = np.full(side, counts_at + 4 * side, "<u4").tobytes()
    counts = np.full(side, len(row), "<u4").tobytes()
    start = b"II*\0" + struct.pack("<I", header_size)
    return start + directory + bytes(4) + offsets + counts + row
