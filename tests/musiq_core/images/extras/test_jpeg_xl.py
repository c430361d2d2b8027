"""JPEG XL: exact pixels of the first frame; or a true reason."""

import struct

import numpy as np
import pytest
from helpers.make_images import noise, photo_like

from musiq_core.config import DecodeConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.extras.jpeg_xl_header import read_header
from schemas.failures import ImageFailure

# That it is there is a test of its own, in test_missing_extras.py.
imagecodecs = pytest.importorskip("imagecodecs")
PIXELS = photo_like(40, 56)


def jxl(samples: np.ndarray, **options) -> bytes:
    return imagecodecs.jpegxl_encode(samples, lossless=True, numthreads=1, **options)


PLAIN = jxl(PIXELS)


def failure_of(data: bytes, config=DecodeConfig()) -> ImageFailure:  # noqa: B008
    with pytest.raises(ImageFailure) as caught:
        decode_image(data, config)
    return caught.value


def bare_header(*fields: tuple[int, int]) -> bytes:
    """A codestream of (value, bits) fields, lowest bit first, and zeros."""
    value, at = 0, 0
    for field, bits in fields:
        value |= field << at
        at += bits
    return b"\xff\x0a" + value.to_bytes(at // 8 + 1, "little") + bytes(50)


def sides(width: int, height: int) -> list[tuple[int, int]]:
    return [(0, 1), (3, 2), (height - 1, 30), (0, 3), (3, 2), (width - 1, 30)]


@pytest.mark.parametrize("in_boxes", [False, True])
def test_pixels_are_exact(in_boxes):
    image = decode_image(jxl(PIXELS, usecontainer=in_boxes))
    np.testing.assert_array_equal(image.pixels, PIXELS)
    assert image.pixels.flags.c_contiguous
    assert (image.format, image.frames, image.orientation) == ("JXL", 1, 1)
    assert image.icc is None


def test_lossy_pixels_are_near():
    data = imagecodecs.jpegxl_encode(PIXELS, level=95, numthreads=1)
    assert abs(decode_image(data).pixels.astype(int) - PIXELS).mean() < 3


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8, 9, 10, 12, 14, 16])
def test_samples_of_every_depth_keep_their_high_bits(bits):
    most = 2**bits - 1
    samples = noise(24, 32).astype(np.uint16) * most // 255
    samples = samples.astype(np.uint8 if bits <= 8 else np.uint16)
    image = decode_image(jxl(samples, bitspersample=bits))
    wide = samples.astype(int)
    expected = wide >> (bits - 8) if bits >= 8 else np.round(wide * 255 / most)
    np.testing.assert_array_equal(image.pixels, expected)


def test_grey_is_repeated_and_alpha_dropped():
    grey = PIXELS[..., 0].copy()
    alpha = noise(*PIXELS.shape[:2])[..., 0]
    repeated = np.repeat(grey[..., np.newaxis], 3, axis=2)
    for samples, expected in (
        (grey, repeated),
        (np.dstack([grey, alpha]), repeated),
        (np.dstack([PIXELS, alpha]), PIXELS),
    ):
        image = decode_image(jxl(samples, planar=False))
        np.testing.assert_array_equal(image.pixels, expected)


def test_other_channels_are_left_out():
    planes = np.ascontiguousarray(PIXELS.transpose(2, 0, 1))
    image = decode_image(jxl(planes, planar=True, photometric="minisblack"))
    np.testing.assert_array_equal(image.pixels, np.repeat(PIXELS[..., :1], 3, axis=2))


def test_of_an_animation_the_first_frame_is_read():
    image = decode_image(jxl(np.stack([PIXELS, PIXELS[::-1], PIXELS[:, ::-1]])))
    np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_floats_are_unsupported(kind):
    failure = failure_of(jxl((PIXELS / 255).astype(kind)))
    assert failure.failure == "unsupported_format"
    assert failure.detail == "JPEG XL: floating point samples have no faithful RGB"


def test_other_colours_than_srgb_are_named_and_never_converted_in_silence():
    data = jxl(PIXELS.astype(np.uint16) * 257)  # the encoder calls these linear
    assert decode_image(data).icc == "sRGB, linear"
    image = decode_image(data, DecodeConfig(color_profile="srgb"))
    assert image.icc == "sRGB, linear (not applied)"
    np.testing.assert_array_equal(image.pixels, PIXELS)


@pytest.mark.parametrize(
    "size",
    [(1, 1), (7, 13), (8, 8), (256, 511), (300, 257), (600, 10), (100, 120), (30, 40)],
)
def test_the_header_says_the_size(size):
    header = read_header(jxl(np.zeros((*size, 3), np.uint8)))
    assert (header.height, header.width) == size


@pytest.mark.parametrize("ratio", [(6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1)])
def test_the_header_says_sizes_by_their_ratio(ratio):
    width, height = (90 * side for side in ratio)
    header = read_header(jxl(np.zeros((height, width, 3), np.uint8)))
    assert (header.width, header.height) == (width, height)


@pytest.mark.parametrize("in_boxes", [False, True])
@pytest.mark.parametrize("side", [9000, 2**20, 2**30])
def test_the_limit_on_pixels_holds_before_decoding(side, in_boxes):
    data = bare_header(*sides(side, side), (1, 1))
    if in_boxes:
        part = struct.pack(">I4sI", len(data) + 12, b"jxlp", 1 << 31) + data
        data = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl " + part
    failure = failure_of(data)
    assert failure.failure == "too_large"
    assert failure.detail.startswith(f"{side}x{side} = ")


def test_a_small_limit_holds():
    failure = failure_of(PLAIN, DecodeConfig(max_pixels=40 * 56 - 1))
    assert failure.detail == "56x40 = 2240 pixels exceed the limit of 2239"


def test_inks_and_deep_samples_are_unsupported_and_rare_fields_passed_over():
    rare = [
        (1, 1),
        (5, 3),
        (1, 1),
        *sides(9, 9),
        (1, 1),
        (0, 1),
        (0, 2),
        (7, 6),
        (1, 3),
    ]
    rare += [(1, 1), (0, 2), (0, 2), (0, 2), (0, 1)]
    black = [(0, 1), (2, 2), (2, 4), (0, 1), (0, 2), (0, 2), (1, 2), (3, 4), (0, 24)]
    start = [*sides(64, 48), (0, 1), *rare]
    failure = failure_of(
        bare_header(*start, (0, 1), (0, 2), (1, 1), (1, 2), *black, (1, 1), (1, 1))
    )
    assert failure.failure == "unsupported_format"
    assert failure.detail == "JPEG XL: CMYK samples have no faithful RGB"
    failure = failure_of(
        bare_header(*start, (0, 1), (3, 2), (23, 6), (1, 1), (0, 2), (1, 1), (1, 1))
    )
    assert failure.detail == "JPEG XL: samples of 24 bits have no faithful RGB"


@pytest.mark.parametrize("in_boxes", [False, True])
def test_cut_files_are_truncated(in_boxes):
    data = jxl(PIXELS, usecontainer=in_boxes)
    for length in range(12, len(data), max(1, len(data) // 40)):
        failure = failure_of(data[:length])
        assert failure.failure == "truncated", length
        assert failure.detail == "the JPEG XL ends before its picture does"


def test_broken_files_are_undecodable():
    for seed in range(20):
        broken = bytearray(PLAIN)
        random = np.random.default_rng(seed)
        broken[20:60] = random.bytes(40)
        assert failure_of(bytes(broken)).failure in ("undecodable", "truncated")
    assert failure_of(PLAIN[:30] + bytes(len(PLAIN))).failure == "undecodable"


def test_a_container_without_a_codestream_is_undecodable_or_cut():
    start = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl "
    assert failure_of(start).failure == "truncated"
    junk = struct.pack(">I4s", 16, b"jxlc") + b"no pixels"[:8]
    failure = failure_of(start + junk)
    assert failure.failure == "undecodable"
    assert failure.detail == "the JPEG XL header is damaged or unsupported"
