"""Colour profiles: their names are recorded, and on demand they are applied."""

import io
import struct

import numpy as np
import pytest
from helpers.make_images import encoded, noise, photo_like
from helpers.make_tiffs import tiff_of
from PIL import Image, ImageCms

from musiq_core.config import DecodeConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.icc_profile import name_profile

PIXELS = photo_like(40, 56)
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CONVERTED = DecodeConfig(color_profile="srgb")


def wide_profile() -> bytes:
    """The sRGB profile with red and green changed for each other."""
    profile = bytearray(SRGB_PROFILE)
    red, green = profile.index(b"rXYZ", 128), profile.index(b"gXYZ", 128)
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_every_format_says_the_name_of_its_profile(file_format):
    image = decode_image(encoded(PIXELS, file_format, icc_profile=SRGB_PROFILE))
    assert image.icc == "sRGB built-in"
    assert decode_image(encoded(PIXELS, file_format)).icc is None


def test_a_profile_in_several_segments_is_put_together():
    profile = SRGB_PROFILE + bytes(150_000)
    assert decode_image(encoded(PIXELS, "JPEG", icc_profile=profile)).icc == (
        "sRGB built-in"
    )


@pytest.mark.parametrize("profile", [b"short", bytes(200), noise(20, 20).tobytes()])
def test_a_profile_without_a_name_is_told_by_its_digest(profile):
    assert name_profile(profile).startswith("sha256:")
    assert len(name_profile(profile)) == 7 + 12


def test_names_of_version_2_are_read_and_cannot_forge_lines():
    text = b"My\nprofile\0"
    tag = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text
    profile = bytes(128) + struct.pack(">I4sII", 1, b"desc", 144, len(tag)) + tag
    assert name_profile(profile) == "My\\nprofile"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_a_profile_changes_no_pixel_unless_it_is_asked_for(file_format):
    plain = decode_image(encoded(PIXELS, file_format))
    profiled = decode_image(encoded(PIXELS, file_format, icc_profile=wide_profile()))
    np.testing.assert_array_equal(plain.pixels, profiled.pixels)


def test_srgb_stays_as_it_is_to_the_bit():
    data = encoded(PIXELS, icc_profile=SRGB_PROFILE)
    np.testing.assert_array_equal(decode_image(data, CONVERTED).pixels, PIXELS)


def test_other_profiles_are_applied():
    image = decode_image(encoded(PIXELS, icc_profile=wide_profile()), CONVERTED)
    expected = ImageCms.profileToProfile(
        Image.fromarray(PIXELS),
        ImageCms.ImageCmsProfile(io.BytesIO(wide_profile())),
        ImageCms.createProfile("sRGB"),
    )
    np.testing.assert_array_equal(image.pixels, np.asarray(expected))
    assert abs(image.pixels.astype(int) - PIXELS).max() > 20
    assert not image.icc.endswith("(not applied)")


@pytest.mark.parametrize("profile", [b"damaged", SRGB_PROFILE[:300]])
def test_a_profile_that_cannot_be_applied_costs_nothing_and_is_told(profile):
    image = decode_image(encoded(PIXELS, icc_profile=profile), CONVERTED)
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.icc.endswith(" (not applied)")


def test_a_profile_of_other_colours_than_the_picture_is_not_applied():
    cmyk = SRGB_PROFILE[:16] + b"CMYK" + SRGB_PROFILE[20:]
    data = tiff_of(PIXELS, photometric=2, tags={34675: cmyk})
    image = decode_image(data, CONVERTED)
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.icc == "sRGB built-in (not applied)"
