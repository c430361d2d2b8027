"""HEIF files around four tiny HEVC pictures, which were made with x265.

The pictures are of 64x64 pixels: four squares, each of one colour, to the bit.
"""

import base64
import dataclasses
import struct
from collections.abc import Sequence

import numpy as np

SIDE = 64


@dataclasses.dataclass(frozen=True)
class _Coded:
    """An HEVC picture: its decoder configuration, and its data."""

    configuration: bytes
    data: bytes
    depth: int
    channels: int


RGB_8 = _Coded(
    base64.b85decode(
        b"0R#vD005pi000009`FGC|M>U-01pFT0096OKmiN^|NjIC00093o;Uyi0{{RXx&lC90"
        b"096hLID8;2mk;B0G>Di00RI39*_hOAhO*_B{j{!LqGul00RIS000930SICM0RRX@0l"
        b"{*H3<4w"
    ),
    base64.b85decode(
        b"0000#C;_hpI7$LJ*nisXv;Y5sdOer)Xxa5w{<XvOzez9u{x(4y@Sn~PRB!4}8~^+H@"
        b"V;1ohL1`9y8ZwDU%&7"
    ),
    depth=8,
    channels=3,
)
RGB_10 = _Coded(
    base64.b85decode(
        b"0R#vD005jg000009`FGC|N8m>01pFT0096OKmiN^|NjIC00093oHzgg0{{RXx&lC90"
        b"096iLID8;2mk;B0Gv1g00RI39*_hOAe$}Jl2csV1T+8;00094kN^M!01$v;00969L;"
        b"=Bah71BE"
    ),
    base64.b85decode(
        b"0000!C;_hpI7$LJ*nisGz5oA$Kz*0=mXY;W{<k{xzez9u{x=6(@Sn~PRB!52asT`I@"
        b"rT%dg;YQMkKh01f&T"
    ),
    depth=10,
    channels=3,
)
GREY_8 = _Coded(
    base64.b85decode(
        b"0R#vD005u(000009`FGC{P_3)01pFT0096OKmiN^|NjIC00093pZEX(0{{RXx&lC90"
        b"096dLID8;2mk;B0H62(00RI39>9VG7F($#rn#^n00096AOHXZ03l)k0RRU?0l{*xB0"
        b"v"
    ),
    base64.b85decode(b"0000PC;_etaBNpG-2W5p-@gCS!^F`)^iFLffB"),
    depth=8,
    channels=1,
)
GREY_10 = _Coded(
    base64.b85decode(
        b"0R#vD005o%000009`FGC{QCL;01pFT0096OKmiN^|NjIC00093o%jF%0{{RXx&lC90"
        b"096eLID8;2mk;B0G;>%00RI39>9VG6J@%RN^6?}00093G5`Pr00IzV00968L;=Baup"
        b"&S"
    ),
    base64.b85decode(b"0000TC;_etaBNpG-2QaazWe`(Da6q~@a^-TtNqm=Xa"),
    depth=10,
    channels=1,
)  # Rows of the squares, from above and from the left.
COLOURS_8 = ((200, 30, 40), (20, 160, 60), (10, 90, 220), (240, 230, 120))
COLOURS_10 = ((803, 121, 161), (81, 643, 241), (43, 361, 882), (963, 921, 482))
GREYS_8 = (255, 128, 0, 64)
GREYS_10 = (803, 81, 43, 963)


def squares(colours: Sequence) -> np.ndarray:
    """uint8 [64, 64, 3]; of grey, three times the same."""
    four = np.array(colours).reshape(2, 2, -1)
    return np.broadcast_to(four, (2, 2, 3)).repeat(32, 0).repeat(32, 1).astype(np.uint8)


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, *parts: bytes, version=0, flags=0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def turned(quarters: int) -> bytes:
    """The property that turns a picture by quarters of a circle, anticlockwise."""
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """The property that mirrors: 0 up and down, 1 left and right."""
    return box(b"imir", bytes([axis]))


def profile(icc: bytes) -> bytes:
    return box(b"colr", b"prof", icc)


@dataclasses.dataclass(frozen=True)
class Item:
    """One item of a file: a picture, or data that belongs to one."""

    kind: bytes
    data: bytes
    properties: tuple[bytes, ...] = ()


def picture(
    coded: _Coded = RGB_8, *properties: bytes, width: int = SIDE, height: int = SIDE
) -> Item:
    """An item of one coded picture; its header may lie about the size."""
    is_grey = coded.channels == 1
    own = (
        box(b"hvcC", coded.configuration),
        full_box(b"ispe", struct.pack(">II", width, height)),
        full_box(b"pixi", bytes([coded.channels, *[coded.depth] * coded.channels])),
        # As RGB without a conversion, of full range.
        box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6 if is_grey else 0, 128)),
    )
    return Item(b"hvc1", coded.data, own + properties)


def exif_item(orientation: int) -> Item:
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return Item(b"Exif", struct.pack(">I", 0) + tiff)


def grid_item(rows: int, columns: int, width: int, height: int) -> Item:
    """A picture of tiles, as telephones write them."""
    content = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    size = full_box(b"ispe", struct.pack(">II", width, height))
    return Item(b"grid", content, (size,))


def heif(
    *items: Item,
    primary: int = 1,
    references: Sequence[tuple[bytes, int, Sequence[int]]] = (),
    brand: bytes = b"heic",
) -> bytes:
    """A file of items, which are numbered from 1.

    Args:
      *items: Pictures and what belongs to them.
      primary: The number of the picture to show.
      references: Kind, the item that refers, and those that it refers to.
      brand: What the file says it is.
    """
    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    length = len(head) + len(_meta(items, primary, references, 0))
    meta = _meta(items, primary, references, length + 8)
    return head + meta + box(b"mdat", *(item.data for item in items))


def _meta(items, primary, references, data_offset) -> bytes:
    properties = list(dict.fromkeys(p for item in items for p in item.properties))
    infos, places, links = b"", b"", b""
    for number, item in enumerate(items, 1):
        hidden = any(number in to for kind, _, to in references if kind == b"dimg")
        info = struct.pack(">HH4sx", number, 0, item.kind)
        infos += full_box(b"infe", info, version=2, flags=int(hidden))
        places += struct.pack(">HHHII", number, 0, 1, data_offset, len(item.data))
        data_offset += len(item.data)
        essential = [
            properties.index(p) + 1 | (0x80 if p[4:8] in (b"hvcC", b"irot") else 0)
            for p in item.properties
        ]
        links += struct.pack(">HB", number, len(essential)) + bytes(essential)
    count = struct.pack(">H", len(items))
    return full_box(
        b"meta",
        full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", struct.pack(">H", primary)),
        full_box(b"iloc", b"\x44\0", count, places),
        full_box(b"iinf", count, infos),
        full_box(
            b"iref",
            *(
                box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
                for kind, number, to in references
            ),
        ),
        box(
            b"iprp",
            box(b"ipco", *properties),
            full_box(b"ipma", struct.pack(">I", len(items)), links),
        ),
    )
