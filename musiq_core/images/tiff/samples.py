"""Reads TIFF pictures whose samples Pillow does not know how to put together.

libtiff undoes the compression, strips and tiles, for it is told that every row is a row
of grey bytes; what the bytes mean is decided here.
"""

import dataclasses

import numpy as np
from jaxtyping import Integer, UInt8

from musiq_core.images import pillow_image
from musiq_core.images.tiff.directories import Directory, append_directory
from schemas.failures import Failure, ImageFailure

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES = 266, 273, 277, 278, 279
_PLANAR, _PREDICTOR, _COLOUR_MAP = 284, 317, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339

_WHITE_IS_ZERO, _GREY, _RGB, _PALETTE, _INKS = 0, 1, 2, 3, 5
_COLOURS = {_WHITE_IS_ZERO: 1, _GREY: 1, _RGB: 3, _PALETTE: 1, _INKS: 4}
_PHOTOMETRICS = {
    **{_WHITE_IS_ZERO: "white-is-zero grey", _GREY: "grey", _RGB: "RGB"},
    **{_PALETTE: "palette", 4: "mask", _INKS: "CMYK", 6: "YCbCr", 8: "CIELab"},
    **{9: "ICCLab", 10: "ITULab", 32844: "LogL", 32845: "LogLuv"},
}
_NUMBERS = {1: "", 2: " signed", 3: " float", 4: "", 5: " complex", 6: " complex"}
_UNSIGNED = {1, 4}
# None, LZW, Deflate (two numbers), PackBits, Zstandard.
_OF_BYTES = {1, 5, 8, 32946, 32773, 50000}
_JPEG = 7
_NO_PREDICTOR, _HORIZONTAL = 1, 2
_PREMULTIPLIED = 1
_MOST_SAMPLES = 16
_MOST_BYTES = 2**28


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """How the samples of a picture lie in its file.

    Attributes:
      width: Pixels.
      height: Pixels.
      bits: Of each sample of a pixel.
      number: TIFF's code of what a sample is: 1 unsigned, 2 signed, 3 float.
      photometric: TIFF's code of what the colours are.
      compression: TIFF's code.
      predictor: TIFF's code.
      is_planar: Whether the samples of one colour lie together.
      extra: What each sample beside the colours is: 1 premultiplied alpha, 2 alpha.
    """

    width: int
    height: int
    bits: tuple[int, ...]
    number: tuple[int, ...]
    photometric: int
    compression: int
    predictor: int
    is_planar: bool
    extra: tuple[int, ...]

    def __str__(self) -> str:
        count = len(self.bits)
        bits = "/".join(str(b) for b in dict.fromkeys(self.bits))
        numbers = dict.fromkeys(_NUMBERS.get(n, " unknown") for n in self.number)
        colours = _PHOTOMETRICS.get(self.photometric, f"photometric {self.photometric}")
        return (
            f"{count} {'planar ' if self.is_planar else ''}"
            f"{colours} sample{'s' * (count > 1)} of {bits} bits{''.join(numbers)}"
        )

    @property
    def colour_count(self) -> int:
        """Samples of a pixel that are colours; 0 if they are not known."""
        return _COLOURS.get(self.photometric, 0)

    @property
    def is_readable(self) -> bool:
        """Whether `read_colours` can give exact 8-bit colours."""
        bits = self.bits[0]
        return (
            set(self.number) <= _UNSIGNED
            and len(set(self.bits)) == 1
            and 1 <= bits <= 16
            and 1 <= self.colour_count <= len(self.bits) <= _MOST_SAMPLES
            and self.compression in _OF_BYTES
            and (
                self.predictor == _NO_PREDICTOR
                or (self.predictor == _HORIZONTAL and bits in (8, 16))
            )
        )


def read_layout(page: Directory) -> Layout | None:
    """Return how a directory says its samples lie; None if it does not say it."""
    width, height = page.number(_WIDTH), page.number(_HEIGHT)
    bits = page.numbers(_BITS, (1,)) or (1,)
    count = page.number(_SAMPLES, len(bits))
    if min(width, height, count) < 1 or count > 2**16:
        return None
    bits = bits * count if len(bits) == 1 else bits[:count]
    if len(bits) != count or not (page.numbers(_STRIPS) or page.numbers(_TILES)):
        return None
    return Layout(
        width=width,
        height=height,
        bits=bits,
        number=page.numbers(_SAMPLE_FORMAT, (1,)),
        photometric=page.number(_PHOTOMETRIC),
        compression=page.number(_COMPRESSION, 1),
        predictor=page.number(_PREDICTOR, _NO_PREDICTOR),
        is_planar=page.number(_PLANAR, 1) == 2,
        extra=page.numbers(_EXTRA_SAMPLES),
    )


def require_readable(layout: Layout) -> None:
    """Refuse a layout that has no exact 8-bit colours here.

    Raises:
      ImageFailure: `unsupported_format`, naming the samples; `undecodable` where they
        cannot be.
    """
    if layout.is_readable:
        return
    if layout.compression == _JPEG and not set(layout.bits) <= {8, 12}:
        detail = f"TIFF is damaged: JPEG has no {layout}"
        raise ImageFailure(Failure.UNDECODABLE, detail)
    detail = f"TIFF with {layout} has no faithful RGB"
    if layout.compression not in _OF_BYTES:
        detail = f"TIFF with {layout} in compression {layout.compression} is not read"
    raise ImageFailure(Failure.UNSUPPORTED_FORMAT, detail)


def read_colours(
    data: bytes, page: Directory, layout: Layout
) -> UInt8[np.ndarray, "height width colours"]:
    """Return the samples that are colours as uint8: 3 for RGB, 4 for inks.

    Samples of more than 8 bits keep their high bits, and those of less are spread over
    0..255. Alpha is dropped without blending; colours that were multiplied by it are
    divided again, as Pillow does it.

    Args:
      data: The whole file.
      page: The directory.
      layout: What it says of its samples; a readable one.

    Raises:
      ImageFailure: `too_large` if the samples need too many bytes.
      Exception: Whatever Pillow raises.
    """
    count = layout.colour_count
    if layout.is_planar:
        wanted = count + (layout.extra[:1] == (_PREMULTIPLIED,))
        planes = [_read_plane(data, page, layout, index) for index in range(wanted)]
        samples = np.concatenate(planes, axis=2)
    else:
        samples = _read_plane(data, page, layout, 0)
    if layout.photometric == _PALETTE:
        return _look_up(samples[..., 0], page, layout.bits[0])
    levels = _to_8_bits(samples, layout.bits[0])
    colours = levels[..., :count]
    if layout.extra[:1] == (_PREMULTIPLIED,) and levels.shape[2] > count:
        colours = _divide_by(colours, levels[..., count:][..., :1])
    if layout.photometric == _WHITE_IS_ZERO:
        colours = 255 - colours
    return np.repeat(colours, 3, axis=2) if count == 1 else colours


def _read_plane(
    data: bytes, page: Directory, layout: Layout, index: int
) -> Integer[np.ndarray, "height width samples"]:
    """Return one plane's samples, or all of them if they lie together."""
    samples = 1 if layout.is_planar else len(layout.bits)
    bits = layout.bits[0]
    if is_tiled := bool(page.numbers(_TILES)):
        columns, rows = page.number(_TILE_WIDTH), page.number(_TILE_HEIGHT)
        offsets, sizes = page.numbers(_TILES), page.numbers(_TILE_BYTES)
    else:
        columns = layout.width
        rows = min(page.number(_STRIP_ROWS, layout.height), layout.height)
        offsets, sizes = page.numbers(_STRIPS), page.numbers(_STRIP_BYTES)
    if min(columns, rows) < 1:
        raise ValueError("parts without pixels")
    across, down = -(-layout.width // columns), -(-layout.height // rows)
    row_bytes = -(-columns * samples * bits // 8)
    height = down * rows if is_tiled else layout.height
    if across * row_bytes * height > _MOST_BYTES:
        raise ImageFailure(
            Failure.TOO_LARGE,
            f"{across * row_bytes * height} bytes of TIFF samples exceed the limit of "
            f"{_MOST_BYTES}",
        )
    parts = slice(index * across * down, (index + 1) * across * down)
    if len(offsets[parts]) < across * down:
        raise ValueError("not enough image data: parts are missing")
    grey = {
        **{_WIDTH: [across * row_bytes], _HEIGHT: [height], _BITS: [8]},
        **{_COMPRESSION: [layout.compression], _PHOTOMETRIC: [_GREY], _SAMPLES: [1]},
        _FILL_ORDER: [page.number(_FILL_ORDER, 1)],
    }
    if is_tiled:
        grey |= {_TILE_WIDTH: [row_bytes], _TILE_HEIGHT: [rows]}
        grey |= {_TILES: offsets[parts], _TILE_BYTES: sizes[parts]}
    else:
        grey |= {_STRIP_ROWS: [rows]}
        grey |= {_STRIPS: offsets[parts], _STRIP_BYTES: sizes[parts]}
    picture = pillow_image.open_header(append_directory(data, grey), "TIFF")
    picture.load()
    packed = np.asarray(picture).reshape(height * across, row_bytes)
    unpacked = _unpack(packed, bits, "<" if data.startswith(b"II") else ">")
    pixels = unpacked[:, : columns * samples].reshape(-1, columns, samples)
    if layout.predictor == _HORIZONTAL:
        pixels = np.cumsum(pixels, axis=1, dtype=pixels.dtype)
    pixels = pixels.reshape(height, across * columns, samples)
    return pixels[: layout.height, : layout.width]


def _unpack(
    packed: UInt8[np.ndarray, "rows bytes"], bits: int, order: str
) -> Integer[np.ndarray, "rows samples"]:
    """Return the samples of every row; only whole bytes may have an order."""
    if bits == 8:
        return packed
    if bits == 16:
        return packed.view(f"{order}u2").astype(np.uint16, copy=False)
    each = np.unpackbits(packed, axis=1)
    count = each.shape[1] // bits
    samples = np.zeros((len(packed), count), np.uint16)
    for bit in range(bits):
        samples <<= 1
        samples |= each[:, bit : count * bits : bits]
    return samples


def _to_8_bits(
    samples: Integer[np.ndarray, "height width samples"], bits: int
) -> UInt8[np.ndarray, "height width samples"]:
    if bits >= 8:
        return (samples >> (bits - 8)).astype(np.uint8)
    return (samples * 255 // (2**bits - 1)).astype(np.uint8)


def _divide_by(
    colours: UInt8[np.ndarray, "height width colours"],
    alpha: UInt8[np.ndarray, "height width 1"],
) -> UInt8[np.ndarray, "height width colours"]:
    """Undo a multiplication by alpha; where nothing is left of a colour it is 0."""
    straight = colours.astype(np.uint16) * 255 // np.maximum(alpha, 1)
    return np.where(alpha, np.minimum(straight, 255), 0).astype(np.uint8)


def _look_up(
    indices: Integer[np.ndarray, "height width"], page: Directory, bits: int
) -> UInt8[np.ndarray, "height width 3"]:
    palette = np.array(page.numbers(_COLOUR_MAP), np.int64)
    if len(palette) != 3 * 2**bits:
        raise ValueError("the palette has another size than its samples need")
    return (palette.reshape(3, -1).T >> 8).astype(np.uint8)[indices]
