"""What is stored is what every decoder reads alike."""

import io

import numpy as np
import pytest
from helpers.make_images import encoded, noise, photo_like
from helpers.make_releases import jpeg, mpo
from PIL import Image

from musiq_core.images.decode import decode_image
from pipelines.preparing.stored_image import stored_image
from schemas.failures import Failure, ImageFailure


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def saved(picture: Image.Image, file_format: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def with_orientation(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(1, exif=exif.tobytes())


GREY = saved(Image.fromarray(noise(24, 32)[..., 0]), "JPEG")
CMYK = saved(Image.fromarray(noise(24, 32)).convert("CMYK"), "JPEG")


@pytest.mark.parametrize(
    "data",
    [
        *(jpeg(1), jpeg(2, progressive=True), jpeg(3, subsampling=0), GREY),
        *(with_orientation(1), jpeg(4, comment=b"\xff\xc0 is no frame here")),
    ],
    ids=["baseline", "progressive", "4:4:4", "grey", "upright", "comment"],
)
def test_a_plain_jpeg_stays_byte_for_byte(data):
    assert stored_image(data) is data


@pytest.mark.parametrize(
    "data",
    [
        *(CMYK, mpo(1), with_orientation(6), with_orientation(3)),
        *(encoded(noise(24, 32)), encoded(noise(24, 32), "WEBP")),
        encoded(np.random.default_rng(0).integers(0, 65536, (24, 32), np.uint16)),
        saved(Image.fromarray(noise(24, 32)).convert("P"), "GIF"),
        jpeg(5).replace(b"\xff\xda", b"stray\xff\xda", 1),
    ],
    ids=[
        "cmyk",
        "mpo",
        "turned",
        "upside-down",
        "png",
        "webp",
        "16-bit",
        "gif",
        "stray",
    ],
)
def test_everything_else_becomes_a_png_of_the_pixels_that_are_scored(data):
    stored = stored_image(data)
    picture = Image.open(io.BytesIO(stored))
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    np.testing.assert_array_equal(pixels_of(stored), decode_image(data).pixels)


def test_storing_twice_changes_nothing():
    once = stored_image(CMYK)
    assert stored_image(once) == once
    assert stored_image(CMYK) == once


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (jpeg(1)[:300], Failure.TRUNCATED),
        (b"", Failure.EMPTY),
        (b"no image", Failure.NOT_AN_IMAGE),
    ],
)
def test_what_cannot_be_decoded_is_not_stored(data, failure):
    with pytest.raises(ImageFailure) as raised:
        stored_image(data)
    assert raised.value.failure is failure


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        *(((600, 800), (512, 683)), ((800, 600), (683, 512)), ((512, 700), (512, 700))),
        *(((256, 300), (512, 600)), ((512, 512), (512, 512))),
    ],
)
def test_the_shorter_side_is_resized_and_the_shape_kept(size, expected):
    data = jpeg(1, height=size[0], width=size[1])
    stored = stored_image(data, shorter_side=512)
    assert pixels_of(stored).shape[:2] == expected
    assert (stored is data) == (size == expected)


def test_shrinking_is_antialiased():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the small picture can show
    small = pixels_of(stored_image(encoded(stripes), shorter_side=256))
    assert small.std() < 2
    assert abs(small.mean() - 127.5) < 2


def test_resizing_keeps_what_the_picture_shows():
    large = photo_like(150, 200, 3)
    small = pixels_of(stored_image(encoded(large), shorter_side=100)).astype(float)
    assert np.abs(small.mean((0, 1)) - large.mean((0, 1))).max() < 1
