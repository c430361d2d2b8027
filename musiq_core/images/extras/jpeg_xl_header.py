"""What a JPEG XL file says of its picture before the pixels.

Source: ISO/IEC 18181-1, annexes on the size header and the image metadata.
"""

import dataclasses

from musiq_core.images.extras.bit_reader import BitReader
from musiq_core.images.extras.iso_boxes import iterate_boxes

_CODESTREAM = b"\xff\x0a"
_PART_NUMBER_BYTES = 4
# Width over height by the number that the header has for it.
_RATIOS = {1: (1, 1), 2: (6, 5), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_COORDINATE = ((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))
_ALPHA, _SPOT_COLOUR, _BLACK, _COLOUR_FILTER = 0, 2, 4, 5
_GREY, _XYB = 1, 2
_CUSTOM = 2
_SRGB_PRIMARIES, _SRGB_CURVE = 1, 13
_PRIMARIES = {1: "sRGB", 2: "custom", 9: "Rec. 2100", 11: "P3"}
_CURVES = {1: "Rec. 709", 8: "linear", 13: "sRGB", 16: "PQ", 17: "DCI", 18: "HLG"}
EMBEDDED_PROFILE = "profile in JPEG XL"
"""Stands for the name of an ICC profile: it is compressed in a way of its own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JpegXlHeader:
    """The head of a codestream.

    Attributes:
      width: Pixels, before the picture is turned.
      height: Pixels, before the picture is turned.
      bits: Of one sample.
      is_float: Whether samples are floating point numbers.
      is_grey: Whether there is one colour channel instead of three.
      extra_channels: The kind of each channel besides, 0 for alpha.
      colours: Name of the colours' space; None for sRGB.
    """

    width: int
    height: int
    bits: int = 8
    is_float: bool = False
    is_grey: bool = False
    extra_channels: tuple[int, ...] = ()
    colours: str | None = None

    @property
    def has_alpha(self) -> bool:
        """Whether one of the channels is alpha."""
        return _ALPHA in self.extra_channels

    @property
    def is_cmyk(self) -> bool:
        """Whether the colours are inks, with black among the extra channels."""
        return _BLACK in self.extra_channels


def read_header(data: bytes) -> JpegXlHeader:
    """Read the header of a codestream, in a container or bare.

    Raises:
      EOFError: If the file ends before the header does.
      ValueError: If there is no codestream.
    """
    codestream = data if data.startswith(_CODESTREAM) else _in_boxes(data)
    if not _CODESTREAM.startswith(codestream[:2]):
        raise ValueError("no codestream")
    reader = BitReader(codestream[2:])
    width, height = _size(reader)
    if reader.flag():  # all that follows is as usual
        return JpegXlHeader(width=width, height=height)
    if reader.flag():
        _skip_rare_fields(reader)
    bits, is_float = _depth(reader)
    reader.skip(1)  # whether 16 bits suffice to decode
    count = reader.choice((0, 0), (0, 1), (4, 2), (12, 1))
    extra_channels = tuple(_extra_channel(reader) for _ in range(count))
    reader.skip(1)  # whether the colours are stored as XYB
    is_grey, colours = _colours(reader)
    return JpegXlHeader(
        width=width,
        height=height,
        bits=bits,
        is_float=is_float,
        is_grey=is_grey,
        extra_channels=extra_channels,
        colours=colours,
    )


def _in_boxes(data: bytes) -> bytes:
    """Return the codestream of a container, put together from its parts."""
    parts: list[bytes] = []
    for kind, start, end in iterate_boxes(data):
        if kind == b"jxlc":
            return data[start:end]
        if kind == b"jxlp":
            parts.append(data[start + _PART_NUMBER_BYTES : end])
    return b"".join(parts)


def _size(reader: BitReader) -> tuple[int, int]:
    is_small = reader.flag()
    height = _side(reader, is_small)
    ratio = reader.bits(3)
    if ratio == 0:
        return _side(reader, is_small), height
    numerator, denominator = _RATIOS[ratio]
    return height * numerator // denominator, height


def _side(reader: BitReader, is_small: bool) -> int:
    return 8 * (1 + reader.bits(5)) if is_small else reader.choice(*_SIDE)


def _skip_rare_fields(reader: BitReader) -> None:
    reader.skip(3)  # the orientation, which the decoder applies
    if reader.flag():
        _size(reader)  # in which the picture is to be shown
    if reader.flag():  # a preview
        of_eights, of_ones = (
            ((0, 16), (0, 32), (5, 1), (9, 33)),
            ((6, 1), (8, 65), (10, 321), (12, 1345)),
        )
        ways = of_eights if reader.flag() else of_ones
        reader.choice(*ways)
        if reader.bits(3) == 0:
            reader.choice(*ways)
    if reader.flag():  # an animation
        reader.choice((0, 100), (0, 1000), (10, 1), (30, 1))
        reader.choice((0, 1), (0, 1001), (8, 1), (10, 1))
        reader.choice((0, 0), (3, 0), (16, 0), (32, 0))
        reader.skip(1)


def _depth(reader: BitReader) -> tuple[int, bool]:
    """Return bits of a sample, and whether it is a floating point number."""
    if reader.flag():
        bits = reader.choice((0, 32), (0, 16), (0, 24), (6, 1))
        reader.skip(4)  # bits of the exponent
        return bits, True
    return reader.choice((0, 8), (0, 10), (0, 12), (6, 1)), False


def _extra_channel(reader: BitReader) -> int:
    """Return the kind of a channel."""
    if reader.flag():
        return _ALPHA
    kind = reader.choice(*_ENUM)
    _depth(reader)
    reader.choice((0, 0), (0, 3), (0, 4), (3, 1))  # how much smaller it is
    reader.skip(8 * reader.choice((0, 0), (4, 0), (5, 16), (10, 48)))  # its name
    if kind == _ALPHA:
        reader.skip(1)
    elif kind == _SPOT_COLOUR:
        reader.skip(4 * 16)
    elif kind == _COLOUR_FILTER:
        reader.choice((0, 1), (2, 0), (4, 3), (8, 19))
    return kind


def _colours(reader: BitReader) -> tuple[bool, str | None]:
    """Return whether the picture is grey, and the name of its colours' space."""
    if reader.flag():
        return False, None
    has_profile = reader.flag()
    space = reader.choice(*_ENUM)
    if has_profile or space == _XYB:
        return space == _GREY, EMBEDDED_PROFILE if has_profile else "XYB"
    if reader.choice(*_ENUM) == _CUSTOM:  # the white point
        _skip_coordinates(reader, 1)
    primaries = _SRGB_PRIMARIES
    if space != _GREY:
        primaries = reader.choice(*_ENUM)
        if primaries == _CUSTOM:
            _skip_coordinates(reader, 3)
    if reader.flag():
        curve = f"gamma {reader.bits(24) / 1e7:g}"
    else:
        number = reader.choice(*_ENUM)
        curve = _CURVES.get(number, "unknown")
        if (primaries, number) == (_SRGB_PRIMARIES, _SRGB_CURVE):
            return space == _GREY, None
    return space == _GREY, f"{_PRIMARIES.get(primaries, 'unknown')}, {curve}"


def _skip_coordinates(reader: BitReader, points: int) -> None:
    for _ in range(2 * points):
        reader.choice(*_COORDINATE)
