"""Files that end too early, and files whose headers lie."""

import struct
import zlib
from collections.abc import Iterator

from helpers.make_images import encoded
from hostile.hostile_file import DAMAGED, SCORED, HostileFile, hostile
from hostile.seed_pictures import (
    HEIGHT,
    WIDTH,
    pixels,
    png_header,
    png_of_chunks,
    seed_pictures,
)

from schemas.failures import Failure

# The first of several pictures may be whole in a part of the file.
_SEVERAL_PICTURES = ("animated.", "two_pictures.")
_LYING_SIZES = ((0, 0), (0, 48), (64, 0), (65, 48), (1, 65_535), (65_535, 65_535))


def cut_files() -> Iterator[HostileFile]:
    """Every kind of file, whole and cut at each tenth."""
    for name, data in seed_pictures().items():
        yield hostile(f"whole/{name}", data, SCORED)
        may_score = {SCORED} if name.startswith(_SEVERAL_PICTURES) else set()
        for tenth in range(1, 10):
            part = data[: len(data) * tenth // 10]
            yield hostile(f"cut/{tenth}-{name}", part, *DAMAGED, *may_score)
    yield hostile("cut/nothing.jpg", b"", Failure.EMPTY)
    for name in ("baseline.jpg", "rgb8.png", "lossy.webp", "single.gif"):
        yield hostile(
            f"cut/one-byte-{name}", seed_pictures()[name][:1], Failure.NOT_AN_IMAGE
        )


def lying_files() -> Iterator[HostileFile]:
    """Headers that claim sizes which the rest of the file does not have."""
    refusals = (*DAMAGED, Failure.TOO_LARGE, Failure.UNSUPPORTED_SHAPE)
    for width, height in _LYING_SIZES:
        for name, data in _with_size(width, height):
            yield hostile(f"lying/{width}x{height}-{name}", data, *refusals, SCORED)
    huge = png_header(2**31 - 1, 2**31 - 1)
    yield hostile("lying/huge.png", _png(huge, b"\0"), *refusals)
    yield hostile("lying/negative.png", _png(b"\xff" * 8 + huge[8:], b"\0"), *refusals)
    for frames in (0, 2**31 - 1, 2**31, 2**32 - 1):
        yield hostile(f"lying/{frames}-frames.png", _animated_png(frames), SCORED)
    bmp = bytearray(seed_pictures()["rgb.bmp"])
    for label, height, *allowed in (
        ("negative", -48, SCORED),  # rows from the top to the bottom
        ("lowest", -(2**31), *refusals),
        ("huge", 2**31 - 1, *refusals),
    ):
        bmp[22:26] = struct.pack("<i", height)
        yield hostile(f"lying/{label}-height.bmp", bytes(bmp), *allowed)
    for bits in (0, 3, 64, 65_535):
        bmp = bytearray(seed_pictures()["palette.bmp"])
        bmp[28:30] = struct.pack("<H", bits)
        yield hostile(f"lying/{bits}-bits.bmp", bytes(bmp), *refusals)
    for bits, colour in ((3, 2), (16, 3), (8, 7), (255, 255)):
        header = png_header(WIDTH, HEIGHT, bits=bits, colour=colour)
        name = f"lying/{bits}-bits-colour-{colour}.png"
        yield hostile(name, _png(header, bytes(9999)), *refusals)
    yield hostile("lying/no-palette.png", _palette_png(None), *refusals, SCORED)
    yield hostile("lying/short-palette.png", _palette_png(b"\0" * 3), SCORED, *refusals)
    yield hostile("lying/odd-palette.png", _palette_png(b"\0" * 4), *refusals, SCORED)
    for name, data in _tiffs():
        layout = Failure.UNSUPPORTED_FORMAT  # which the directory then tells of
        yield hostile(f"lying/{name}.tif", data, *refusals, layout, SCORED)
    for name in ("raw.tif", "still.avif", "lossy.webp", "animated.gif"):
        data = seed_pictures()[name]
        doubled = data[: len(data) // 2] + data[: len(data) // 2] + data
        yield hostile(f"lying/spliced-{name}", doubled, *refusals, SCORED)


def _with_size(width: int, height: int) -> Iterator[tuple[str, bytes]]:
    """Files of 64x48 pixels whose headers say something else."""
    seeds = seed_pictures()
    size = struct.pack(">HH", height, width)
    for name in ("baseline.jpg", "progressive.jpg"):
        yield name, seeds[name].replace(struct.pack(">HH", HEIGHT, WIDTH), size, 1)
    rows = zlib.compress(b"\0".join(line.tobytes() for line in pixels()))
    header = png_header(width, height)
    yield (
        "rgb.png",
        png_of_chunks([(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]),
    )
    screen, frame = struct.pack("<HH", width, height), struct.pack("<HH", WIDTH, HEIGHT)
    gif = seeds["single.gif"]
    yield "screen.gif", gif[:6] + screen + gif[10:]
    yield "frame.gif", gif[:10] + gif[10:].replace(frame, screen, 1)
    bmp = bytearray(seeds["rgb.bmp"])
    bmp[18:26] = struct.pack("<ii", width, height)
    yield "rgb.bmp", bytes(bmp)
    avif_size = struct.pack(">II", WIDTH, HEIGHT)
    avif = seeds["still.avif"].replace(avif_size, struct.pack(">II", width, height), 1)
    yield "still.avif", avif
    webp = seeds["lossy.webp"]  # the canvas of its VP8X chunk, less one each
    canvas = (max(width, 1) - 1).to_bytes(3, "little")
    canvas += (max(height, 1) - 1).to_bytes(3, "little")
    yield "lossy.webp", webp[:24] + canvas + webp[30:]


def _png(header: bytes, rows: bytes) -> bytes:
    return png_of_chunks(
        [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    )


def _animated_png(frames: int) -> bytes:
    """A sound PNG that claims so many frames."""
    rows = (b"\0" + bytes(3 * WIDTH)) * HEIGHT
    chunks = [
        (b"IHDR", png_header(WIDTH, HEIGHT)),
        (b"acTL", struct.pack(">II", frames, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return png_of_chunks(chunks)


def _palette_png(palette: bytes | None) -> bytes:
    chunks = [(b"IHDR", png_header(WIDTH, HEIGHT, colour=3))]
    if palette is not None:
        chunks.append((b"PLTE", palette))
    rows = (b"\0" + bytes([200]) * WIDTH) * HEIGHT
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return png_of_chunks(chunks)


def _tiffs() -> Iterator[tuple[str, bytes]]:
    """TIFFs with one wrong thing in their directory."""
    data = encoded(pixels(), "TIFF")
    at = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, at)[0]
    end = at + 2 + 12 * count
    yield "directory-loop", data[:end] + struct.pack("<I", at) + data[end + 4 :]
    yield "directory-outside", data[:4] + struct.pack("<I", 2**31) + data[8:]
    yield "endless-directory", data[:at] + b"\xff\xff" + data[at + 2 :]
    for tag in range(count):
        entry = at + 2 + 12 * tag
        code = struct.unpack_from("<H", data, entry)[0]
        many = data[: entry + 4] + b"\xff\xff\xff\x7f" + data[entry + 8 :]
        yield f"many-values-{code}", many
        yield f"zero-{code}", data[: entry + 8] + bytes(4) + data[entry + 12 :]
