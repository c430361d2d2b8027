"""The hash and its quality are those of Meta's own program, bit for bit."""

import numpy as np
import pdqhash
import pytest
from helpers.make_images import noise, photo_like
from helpers.shared_data import SHARED
from PIL import Image

from musiq_core.measures.pdq import pdq_hash

SIZES = ((64, 64), (100, 333), (511, 513), (129, 128), (1000, 70), (37, 90), (5, 40))


def distance(one: bytes, other: bytes) -> int:
    bits = np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)
    return int(np.bitwise_count(bits).sum())


def oracle(pixels: np.ndarray) -> tuple[bytes, int]:
    bits, quality = pdqhash.compute(pixels)
    return np.packbits(bits).tobytes(), quality


def test_real_photos_have_the_hashes_of_the_reference_program():
    files = sorted((SHARED / "photos" / "train").iterdir())[::6]
    assert len(files) > 60
    for file in files:
        pixels = np.asarray(Image.open(file).convert("RGB"))
        assert pdq_hash(pixels) == oracle(pixels), file.name


@pytest.mark.parametrize("size", SIZES)
def test_made_pictures_have_the_hashes_of_the_reference_program(size):
    for pixels in (photo_like(*size), noise(*size)):
        (ours, quality), (theirs, their_quality) = pdq_hash(pixels), oracle(pixels)
        assert distance(ours, theirs) <= 2
        assert abs(quality - their_quality) <= 1


def test_a_flat_picture_has_no_quality():
    assert pdq_hash(np.full((80, 90, 3), 77, np.uint8))[1] == 0


def test_a_picture_too_small_for_a_hash_has_none():
    assert pdq_hash(noise(4, 500)) == (bytes(32), 0)
    assert pdq_hash(noise(1, 1)) == (bytes(32), 0)


def test_half_the_size_is_nearly_the_same_hash():
    pixels = np.asarray(Image.open(SHARED / "photos" / "train" / "kodim01.jpg"))
    half = np.asarray(Image.fromarray(pixels).reduce(2))
    assert distance(pdq_hash(pixels)[0], pdq_hash(half)[0]) <= 30
