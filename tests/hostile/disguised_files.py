"""Files that are something else than their names say, and EXIF data that is broken."""

import io
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from hostile.hostile_file import (
    DAMAGED,
    REFUSED,
    SCORED,
    HostileFile,
    hostile,
)
from hostile.seed_pictures import PNG_SIGNATURE, png_of_chunks, seed_pictures

_POSTSCRIPT = (
    b"%%!PS-Adobe-3.0 EPSF-3.0\n%%%%BoundingBox: 0 0 90 90\n(%s) run\nshowpage"
)


def disguised_files(canary: Path) -> Iterator[HostileFile]:
    """Files of wrong types with image suffixes.

    Args:
      canary: A file that comes into being if one of them is run or unpickled.
    """
    for name, data in _wrong_types(canary):
        yield hostile(f"disguised/{name}", data, *REFUSED, *DAMAGED)
    jpeg = seed_pictures()["grey.jpg"]
    yield hostile("disguised/with-archive.jpg", jpeg + _zip(), SCORED)
    yield hostile("disguised/with-page.jpg", jpeg + b"<script>", SCORED)
    yield hostile("disguised/is-a-png.jpg", seed_pictures()["rgb8.png"], SCORED)
    yield hostile("disguised/is-a-jpeg.exe", jpeg, SCORED)
    yield hostile("disguised/no-suffix", jpeg, SCORED)


def broken_exif() -> Iterator[HostileFile]:
    """EXIF data that leads nowhere costs no picture."""
    for name, exif in _exif_blocks():
        segment = b"Exif\0\0" + exif
        header = b"\xff\xe1" + struct.pack(">H", 2 + len(segment))
        jpeg = seed_pictures()["grey.jpg"]
        yield hostile(
            f"exif/{name}.jpg", jpeg[:2] + header + segment + jpeg[2:], SCORED
        )
        png = seed_pictures()["grey16.png"]
        chunk = png_of_chunks([(b"eXIf", exif)]).removeprefix(PNG_SIGNATURE)
        at = png.index(b"IDAT") - 4
        yield hostile(f"exif/{name}.png", png[:at] + chunk + png[at:], SCORED)


def _wrong_types(canary: Path) -> Iterator[tuple[str, bytes]]:
    script = f"#!/bin/sh\ntouch {canary}\n".encode()
    postscript = _POSTSCRIPT % bytes(canary)
    yield "postscript.jpg", postscript
    yield "postscript.eps", postscript
    yield (
        "windows-postscript.jpg",
        b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, 99) + bytes(20) + postscript,
    )
    yield "postscript-in-jpeg.jpg", b"\xff\xd8\xff\xe0" + postscript
    yield "vector.png", b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>'
    yield (
        "entities.jpg",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        b"<svg>&e;</svg>",
    )
    yield "document.jpg", b"%PDF-1.7\n1 0 obj<</JS(app.alert(1))>>endobj\n"
    yield "page.jpg", b"<!doctype html><script>alert(1)</script>"
    yield "archive.jpg", _zip()
    yield "program.jpg", Path(sys.executable).resolve().read_bytes()[:65_536]
    yield "script.jpg", script
    # Unpickled, it would call os.system.
    yield "pickle.jpg", b"cos\nsystem\n(S'touch %s'\ntR." % bytes(canary)
    yield "array.jpg", b"\x93NUMPY\1\0v\0" + b"{'descr': '|O'}".ljust(118)
    yield "gzip.jpg", bytes.fromhex("1f8b0800000000000003") + bytes(20)
    yield "sound.webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)
    yield "film.avif", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(40)
    yield "text.jpg", "just words, in UTF-16".encode("utf-16")
    yield "zeros.jpg", bytes(10_000)
    for name, start in (
        ("gif", b"GIF89a/*"),
        ("bmp", b"BM" + bytes(12) + b"\x28\0\0\0"),
        ("png", PNG_SIGNATURE),
        ("jpg", b"\xff\xd8\xff"),
        ("webp", b"RIFF\x99\0\0\0WEBPVP8 "),
        ("tif", b"II*\0"),
        ("avif", b"\0\0\0\x1cftypavif"),
    ):
        yield f"only-the-start.{name}", start
        yield f"script-after-start.{name}", start + script * 50
    for name, start in (
        ("jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("jxl", b"\xff\x0a"),
        ("heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("psd", b"8BPS\0\1"),
        ("ico", b"\0\0\1\0\1\0"),
        ("ppm", b"P6 9999 9999 255\n"),
        ("fits", b"SIMPLE  ="),
        ("qoi", b"qoif"),
        ("wmf", b"\xd7\xcd\xc6\x9a"),
    ):
        yield f"{name}.jpg", start + bytes(200)


def _exif_blocks() -> Iterator[tuple[str, bytes]]:
    def directory(*entries: tuple[int, int, int, int], following=0) -> bytes:
        packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        count = struct.pack("<H", len(entries))
        return b"II*\0\x08\0\0\0" + count + packed + struct.pack("<I", following)

    yield "nothing", b""
    yield "words", b"LoremIpsum" * 9
    yield "only-a-start", b"II*\0"
    yield "directory-outside", b"MM\0*\xff\xff\xff\xff"
    yield "directory-loop", directory((0x112, 3, 1, 1), following=8)
    yield "directory-in-itself", directory((0x8769, 4, 1, 8), (0x8825, 4, 1, 8))
    yield "orientation-0", directory((0x112, 3, 1, 0))
    yield "orientation-9", directory((0x112, 3, 1, 9))
    yield "orientation-text", directory((0x112, 2, 4, 0x41414141))
    yield "orientations", directory((0x112, 3, 2**30, 8))
    yield "orientation-fraction", directory((0x112, 5, 1, 2))
    yield "unknown-type", directory((0x112, 99, 1, 6))
    yield "many-bytes", directory((0x927C, 7, 2**32 - 1, 8))
    yield "many-entries", b"II*\0\x08\0\0\0\xff\xff" + bytes(60)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../escape.txt"), "x")  # no date
    return file.getvalue()
