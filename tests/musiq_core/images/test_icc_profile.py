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


def profile_of(colours: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2 for an output device."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", *D50), **tags}
    header = b"".join(
        [
            *(bytes(8), b"\x02\x40\0\0", b"prtr", colours, connection, bytes(12)),
            *(b"acsp", bytes(28), struct.pack(">3i", *D50), bytes(48)),
        ]
    )
    at = len(header) + 4 + 12 * len(tags)
    table, contents = struct.pack(">I", len(tags)), b""
    for kind, content in tags.items():
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", kind, at + len(contents), len(content))
        contents += content
    whole = header + table + contents
    return struct.pack(">I", len(whole)) + whole[4:]


D50 = (0xF6D6, 0x10000, 0xD32D)
LINEAR_GREY = profile_of(
    b"GRAY", b"XYZ ", {b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x100)}
)


def black_ink_profile() -> bytes:
    """A CMYK profile whose lightness is what black ink leaves, whatever the colours."""
    identity = struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 0x10000)
    lightness = np.where(np.arange(16) % 2, 0, 255)  # black changes fastest
    corners = np.stack([lightness, np.full(16, 128), np.full(16, 128)], axis=-1)
    ramp = bytes(range(256))
    table = corners.astype(np.uint8).tobytes()
    head = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity
    return profile_of(b"CMYK", b"Lab ", {b"A2B0": head + ramp * 4 + table + ramp * 3})


def srgb_of_linear(linear: np.ndarray) -> np.ndarray:
    curved = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return curved * 255


def srgb_of_lightness(lightness: np.ndarray) -> np.ndarray:
    """The grey that has a CIE lightness of 0 to 100."""
    cube = ((lightness + 16) / 116) ** 3
    return srgb_of_linear(np.where(lightness > 8, cube, lightness / 903.3))


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


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG"])
def test_a_profile_of_grey_is_applied_to_grey(file_format):
    levels = np.repeat(np.arange(10, 256, 5, np.uint8), 8)[np.newaxis].repeat(16, 0)
    options = {"quality": 100} if file_format == "JPEG" else {}
    data = encoded(levels, file_format, icc_profile=LINEAR_GREY, **options)
    plain = decode_image(data)
    image = decode_image(data, CONVERTED)
    assert not image.icc.endswith("(not applied)")
    expected = srgb_of_linear(plain.pixels / 255)
    assert abs(image.pixels - expected).max() <= 2
    assert (image.pixels == image.pixels[..., :1]).all()
    assert abs(image.pixels.astype(int) - plain.pixels).max() > 50


@pytest.mark.parametrize("file_format", ["TIFF", "JPEG"])
def test_a_profile_of_inks_is_applied_to_the_inks(file_format):
    inks = np.zeros((16, 256, 4), np.uint8)
    inks[..., 3] = np.repeat(np.arange(0, 256, 8), 8)
    inks[8:, :, 0] = 255  # which the profile takes for nothing
    file = io.BytesIO()
    options = {"quality": 100, "subsampling": 0} if file_format == "JPEG" else {}
    profile = black_ink_profile()
    picture = Image.fromarray(inks, "CMYK")
    picture.save(file, file_format, icc_profile=profile, **options)
    image = decode_image(file.getvalue(), CONVERTED)
    assert not image.icc.endswith("(not applied)")
    expected = srgb_of_lightness(100 - inks[..., 3:] / 2.55)
    assert abs(image.pixels - expected).max() <= (4 if file_format == "JPEG" else 2)
    plain = decode_image(file.getvalue()).pixels
    assert abs(image.pixels.astype(int) - plain)[8:].max() > 100


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_profile_of_grey_is_not_applied_to_colours(mode):
    file = io.BytesIO()
    picture = Image.fromarray(PIXELS).convert(mode)
    picture.save(file, "TIFF", icc_profile=LINEAR_GREY)
    image = decode_image(file.getvalue(), CONVERTED)
    np.testing.assert_array_equal(image.pixels, decode_image(file.getvalue()).pixels)
    assert image.icc.endswith(" (not applied)")
