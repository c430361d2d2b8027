"""Small sound files of every kind that is decoded: what hostile files are made from."""

import functools
import io
import struct
import zlib
from collections.abc import Iterable

import numpy as np
from helpers import make_heif
from helpers.make_images import encoded
from PIL import Image, PngImagePlugin

from musiq_core.images.extras.decoders import decoder_of

WIDTH, HEIGHT = 64, 48
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Adam7: first row, first column, row step, column step of each pass.
_PASSES = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)
_TIFF_COMPRESSIONS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")


def pixels() -> np.ndarray:
    """A smooth picture with some noise."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = np.stack([rows * 4, columns * 3, rows + columns], axis=-1)
    noise = np.random.default_rng(0).integers(0, 20, smooth.shape)
    return (smooth + noise).clip(0, 255).astype(np.uint8)


def saved(picture: Image.Image, file_format: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


@functools.cache
def seed_pictures() -> dict[str, bytes]:
    """Files by name; the part of a name before a dot is the kind of the file."""
    rgb = Image.fromarray(pixels())
    grey = rgb.convert("L")
    frames = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    return {
        "baseline.jpg": saved(rgb, "JPEG", comment=b"a comment", exif=_exif()),
        "progressive.jpg": saved(rgb, "JPEG", progressive=True, subsampling=0),
        "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG"),
        "grey.jpg": saved(grey, "JPEG"),
        "two_pictures.mpo": saved(rgb, "MPO", **frames),
        "rgb8.png": saved(rgb, "PNG", exif=_exif(), pnginfo=_texts()),
        "grey16.png": saved(Image.fromarray(_samples_16_bit()), "PNG"),
        "palette.png": saved(rgb.quantize(64), "PNG", transparency=3),
        "interlaced.png": interlaced_png(pixels()),
        "animated.png": saved(rgb, "PNG", **frames),
        "lossy.webp": saved(rgb, "WEBP", exif=_exif()),
        "lossless.webp": saved(rgb.convert("RGBA"), "WEBP", lossless=True),
        "animated.webp": saved(rgb, "WEBP", **frames),
        "single.gif": saved(rgb, "GIF"),
        "animated.gif": saved(rgb, "GIF", **frames),
        **{
            f"{name}.tif": saved(rgb, "TIFF", compression=name)
            for name in _TIFF_COMPRESSIONS
        },
        "fax.tif": saved(rgb.convert("1"), "TIFF", compression="group4"),
        "rgb.bmp": saved(rgb, "BMP"),
        "palette.bmp": saved(rgb.quantize(16), "BMP"),
        "still.avif": saved(rgb, "AVIF", exif=_exif()),
        "animated.avif": saved(rgb, "AVIF", **frames),
        **_pictures_of_extras(),
    }


def _pictures_of_extras() -> dict[str, bytes]:
    """None without the extras, which the test environment has."""
    if decoder_of("JPEG XL") is None:
        return {}
    import imagecodecs

    tile, grey = make_heif.picture(), make_heif.picture(make_heif.GREY_10)
    turned = make_heif.picture(make_heif.RGB_10, make_heif.turned(1))
    grid, of_grid = make_heif.grid_item(1, 2, 128, 64), [(b"dimg", 1, [2, 3])]
    exif, of_exif = make_heif.exif_item(6), [(b"cdsc", 2, [1])]
    frames = np.stack([pixels(), pixels()[::-1]])
    return {
        "turned.heic": make_heif.heif(turned, exif, references=of_exif),
        "grey.heic": make_heif.heif(grey),
        "tiles.heic": make_heif.heif(grid, tile, tile, references=of_grid),
        "lossless.jxl": imagecodecs.jpegxl_encode(pixels(), numthreads=1),
        "boxes.jxl": imagecodecs.jpegxl_encode(
            pixels(), level=90, usecontainer=True, numthreads=1
        ),
        "animated.jxl": imagecodecs.jpegxl_encode(frames, level=90, numthreads=1),
        "deep.jxl": imagecodecs.jpegxl_encode(_samples_16_bit(), numthreads=1),
    }


def png_of_chunks(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A PNG file of (kind, content) chunks with right lengths and checksums."""
    return PNG_SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def png_header(width: int, height: int, *, bits=8, colour=2, interlaced=0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)


def interlaced_png(samples: np.ndarray) -> bytes:
    """An Adam7 PNG of RGB pixels, which Pillow reads but does not write."""
    rows = b""
    for row, column, row_step, column_step in _PASSES:
        for line in samples[row::row_step, column::column_step]:
            rows += b"\0" + line.tobytes()
    height, width, _ = samples.shape
    header = png_header(width, height, interlaced=1)
    return png_of_chunks(
        [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    )


def good_png(seed: int) -> bytes:
    """A picture that is like no other, so that rows tell files apart."""
    random = np.random.default_rng(seed)
    return encoded(random.integers(0, 256, (24, 32, 3), np.uint8), "PNG")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def _samples_16_bit() -> np.ndarray:
    return pixels()[..., 0].astype(np.uint16) * 257


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    return exif


def _texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "a comment", zip=True)
    texts.add_itxt("Title", "a title")
    return texts
