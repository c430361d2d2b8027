"""What is known to be no photo by its name alone, and what must not be taken for it."""

import pytest

from pipelines.scoring.choosing.side_files import SIDE_FILE_KINDS, side_file_kind


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("AppleDouble files (._*)", ["._a.jpg", "deep/._IMG_1.HEIC", "._"]),
        ("sidecars of photo programs", ["a.xmp", "IMG_1.AAE", "x/MVI_1.thm"]),
        ("videos", ["a.mov", "x/a.MP4", "a.jpg.webm"]),
        ("sound", ["memo.m4a", "a.WAV"]),
        ("texts and tables", ["a.jpg.json", "a.txt", "README", "x/_SUCCESS", "a.csv"]),
        ("checksums", ["a.jpg.md5", "SHA256SUMS", "x.par2"]),
        ("files of the system", [".DS_Store", "x/Thumbs.db", "desktop.ini", "Icon\r"]),
        (
            "folders of the system",
            ["__MACOSX/a.jpg", "x/@eaDir/a.jpg/T.jpg", "$RECYCLE.BIN/a.png"],
        ),
    ],
)
def test_the_kind_of_a_side_file_is_told(kind, names):
    assert {side_file_kind(name) for name in names} == {kind}
    assert kind in SIDE_FILE_KINDS


@pytest.mark.parametrize(
    "name",
    [
        *("a.jpg", "a.heic", "a.HEIF", "a.avif", "a.jxl", "a.dng", "a.nef", "a.CR2"),
        *("a.arw", "a.raf", "a.orf", "a.rw2", "a.tif", "a.psd", "a.svg", "a.unknown"),
        *("a", "xmp", "mov", ".hidden", ".jpg", "a.xmp.jpg", "_.jpg", "DS_Store"),
        *("a.tar", "a.zip", "a.xmp/b.jpg", "README/a.jpg", "my__MACOSX/a.jpg", "..."),
    ],
)
def test_what_may_be_a_photo_is_none(name):
    assert side_file_kind(name) is None
