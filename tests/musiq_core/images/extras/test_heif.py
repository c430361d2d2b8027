"""HEIC/HEIF: exact pixels of the primary picture, upright; or a true reason."""

import dataclasses
import struct

import numpy as np
import pytest
from helpers import make_heif
from helpers.make_heif import (
    COLOURS_8,
    COLOURS_10,
    GREY_8,
    GREY_10,
    GREYS_8,
    GREYS_10,
    RGB_8,
    RGB_10,
    heif,
    mirrored,
    picture,
    squares,
    turned,
)
from PIL import ImageCms

from musiq_core.config import DecodeConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.extras.decoders import decoder_of
from musiq_core.images.extras.iso_boxes import is_cut
from schemas.failures import ImageFailure

pytestmark = pytest.mark.skipif(
    decoder_of("HEIC/HEIF") is None,
    reason="test_missing_extras.py says that the extra is missing",
)
PLAIN = heif(picture())
PIXELS = squares(COLOURS_8)
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def failure_of(data: bytes, config=DecodeConfig()) -> ImageFailure:  # noqa: B008
    with pytest.raises(ImageFailure) as caught:
        decode_image(data, config)
    return caught.value


@pytest.mark.parametrize(
    ("coded", "expected"),
    [
        (RGB_8, squares(COLOURS_8)),
        (RGB_10, squares(np.array(COLOURS_10) >> 2)),
        (GREY_8, squares(GREYS_8)),
        (GREY_10, squares(np.array(GREYS_10) >> 2)),
    ],
)
def test_pixels_are_exact_and_more_bits_lose_the_low_ones(coded, expected):
    image = decode_image(heif(picture(coded)))
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.pixels.flags.c_contiguous
    assert (image.format, image.frames, image.orientation) == ("HEIF", 1, 1)
    assert image.icc is None


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_every_brand_of_still_pictures_is_read(brand):
    image = decode_image(heif(picture(), brand=brand))
    np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize("orientation", ["apply", "ignore"])
@pytest.mark.parametrize("quarters", range(4))
def test_a_turn_is_applied_once_and_belongs_to_the_picture(quarters, orientation):
    """EXIF says the same again, as telephones write it."""
    data = heif(
        picture(RGB_8, turned(quarters)),
        make_heif.exif_item({0: 1, 1: 8, 2: 3, 3: 6}[quarters]),
        references=[(b"cdsc", 2, [1])],
    )
    image = decode_image(data, DecodeConfig(orientation=orientation))
    np.testing.assert_array_equal(image.pixels, np.rot90(PIXELS, quarters))
    assert image.orientation == 1


def test_mirroring_is_applied():
    upside_down = decode_image(heif(picture(RGB_8, mirrored(0)))).pixels
    np.testing.assert_array_equal(upside_down, PIXELS[::-1])
    other_way = decode_image(heif(picture(RGB_8, mirrored(1)))).pixels
    np.testing.assert_array_equal(other_way, PIXELS[:, ::-1])


def test_the_orientation_in_exif_alone_turns_nothing():
    exif = make_heif.exif_item(6)
    data = heif(picture(), exif, references=[(b"cdsc", 2, [1])])
    np.testing.assert_array_equal(decode_image(data).pixels, PIXELS)


def test_alpha_is_dropped():
    auxiliary = make_heif.full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:1\0")
    alpha = picture(GREY_8, auxiliary)
    for coded, expected in ((RGB_8, PIXELS), (GREY_8, squares(GREYS_8))):
        data = heif(picture(coded), alpha, references=[(b"auxl", 2, [1])])
        np.testing.assert_array_equal(decode_image(data).pixels, expected)


def test_of_several_pictures_the_primary_one_is_read():
    pictures = [picture(GREY_8), picture(), picture(GREY_10)]
    image = decode_image(heif(*pictures, primary=2))
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.frames == 3


def test_another_picture_never_stands_in_for_the_primary_one():
    other_codec = make_heif.Item(b"jpeg", bytes(99))
    failure = failure_of(heif(other_codec, picture()))
    assert failure.failure == "unsupported_format"
    assert failure.detail == "the HEIC/HEIF uses a codec or a feature that is not read"


def test_tiles_are_put_together():
    grid = make_heif.grid_item(2, 2, width=128, height=100)
    tiles = [picture()] * 4
    data = heif(grid, *tiles, references=[(b"dimg", 1, [2, 3, 4, 5])])
    expected = np.vstack([np.hstack([PIXELS] * 2)] * 2)[:100]
    np.testing.assert_array_equal(decode_image(data).pixels, expected)


def test_the_profile_is_named_and_applied_on_demand():
    data = heif(picture(RGB_8, make_heif.profile(SRGB_PROFILE)))
    for choice in ("ignore", "srgb"):
        image = decode_image(data, DecodeConfig(color_profile=choice))
        assert image.icc == "sRGB built-in"
        np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize("side", [9000, 30_000, 2**31 - 1])
def test_the_limit_on_pixels_holds_before_decoding(side):
    failure = failure_of(heif(picture(RGB_8, width=side, height=side)))
    assert failure.failure == "too_large"


def test_a_small_limit_holds():
    failure = failure_of(PLAIN, DecodeConfig(max_pixels=64 * 64 - 1))
    assert failure.failure == "too_large"
    assert failure.detail == "64x64 = 4096 pixels exceed the limit of 4095"


def test_a_header_that_lies_of_the_size_is_damaged():
    assert failure_of(heif(picture(width=32, height=32))).failure == "undecodable"


@pytest.mark.parametrize(("coded", "bits"), [(GREY_8, 10), (GREY_8, 12), (GREY_10, 8)])
def test_a_header_that_lies_of_the_depth_is_damaged(coded, bits):
    configuration = bytearray(coded.configuration)
    configuration[17:19] = bytes([0xF8 | (bits - 8)]) * 2
    lying = dataclasses.replace(coded, configuration=bytes(configuration))
    failure = failure_of(heif(picture(lying)))
    assert failure.failure == "undecodable"
    assert failure.detail == "the HEIC/HEIF data is damaged (depth)"


@pytest.mark.parametrize("length", range(33, len(PLAIN), 17))
def test_cut_files_are_truncated(length):
    failure = failure_of(PLAIN[:length])
    assert failure.failure == "truncated"
    assert failure.detail == "the HEIC/HEIF ends before its picture does"


@pytest.mark.parametrize("where", [b"hdlr", b"pitm", b"iloc", b"hvcC", b"ispe"])
def test_broken_files_are_undecodable(where):
    failure = failure_of(PLAIN.replace(where, b"????"))
    assert failure.failure in ("undecodable", "unsupported_format")


def test_zeros_in_place_of_the_pixels_are_no_picture():
    failure = failure_of(PLAIN[:-60] + bytes(60))
    assert failure.failure in ("undecodable", "truncated")


@pytest.mark.parametrize(("kind", "setup"), [(b"av01", b"av1C"), (b"vvc1", b"vvcC")])
def test_other_codecs_are_unsupported(kind, setup):
    data = PLAIN.replace(b"hvc1", kind).replace(b"hvcC", setup)
    assert failure_of(data).failure == "unsupported_format"


def test_boxes_of_every_length_are_walked():
    long_box = struct.pack(">I4sQ", 1, b"mdat", 20) + bytes(4)
    endless = struct.pack(">I4s", 0, b"mdat") + bytes(40)
    assert not is_cut(PLAIN)
    assert not is_cut(PLAIN + long_box + endless)
    assert is_cut(PLAIN + long_box[:-1])
    for trailer in (b"\0\0", b"a camera maker's own data"):
        assert not is_cut(PLAIN + trailer)
        np.testing.assert_array_equal(decode_image(PLAIN + trailer).pixels, PIXELS)
    assert not is_cut(b"")


def test_a_missing_tile_is_never_made_up_for():
    grid = make_heif.grid_item(1, 2, width=128, height=64)
    tiles = [picture(), picture()]
    data = heif(grid, *tiles, references=[(b"dimg", 1, [2, 3])])
    assert failure_of(data[:-10]).failure == "truncated"
    assert failure_of(data[: -len(RGB_8.data)]).failure == "truncated"
    length = len(RGB_8.data)
    for broken in (bytes(length), b"\0\0\xff\0" + RGB_8.data[4:], RGB_8.data[:30]):
        tiles[1] = dataclasses.replace(tiles[0], data=broken)
        failure = failure_of(heif(grid, *tiles, references=[(b"dimg", 1, [2, 3])]))
        assert failure.failure == "undecodable"
        assert failure.detail == "the HEIC/HEIF data is damaged (tile)"
