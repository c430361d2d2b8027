"""Every operation of RandAugment does what Pillow's operation of its name does."""

import numpy as np
import pytest
from helpers.make_images import noise
from helpers.shared_data import SHARED
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageOps

from training.examples import rand_augment as ra
from training.examples.quiet_tensorflow import tf

GREY = (128, 128, 128)
FACTORS = [0.1, 0.46, 1.0, 1.9, 2.8]  # magnitudes 0, 2, 5, 10 and 15


def flat_channel() -> np.ndarray:
    pixels = noise(20, 30)
    pixels[..., 1] = 77
    return pixels


def dark_photo() -> np.ndarray:
    with Image.open(SHARED / "photos" / "train" / "acreply_000.jpg") as photo:
        return np.asarray(photo.convert("RGB")) // 3 + 20


IMAGES = {
    "photo": dark_photo,
    "noise": lambda: noise(61, 40),
    "flat channel": flat_channel,
    "one pixel": lambda: noise(1, 1),
    "two columns": lambda: noise(9, 2),
    "one row": lambda: noise(1, 9),
}


@pytest.fixture(params=IMAGES)
def pixels(request) -> np.ndarray:
    return IMAGES[request.param]()


def assert_equals_pillow(found, expected: Image.Image) -> None:
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_autocontrast(pixels):
    expected = ImageOps.autocontrast(Image.fromarray(pixels))
    assert_equals_pillow(ra.autocontrast(pixels), expected)


def test_equalize(pixels):
    assert_equals_pillow(
        ra.equalize(pixels), ImageOps.equalize(Image.fromarray(pixels))
    )


def test_invert(pixels):
    assert_equals_pillow(ra.invert(pixels), ImageOps.invert(Image.fromarray(pixels)))


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize(bits):
    pixels = noise(30, 40)
    expected = ImageOps.posterize(Image.fromarray(pixels), bits)
    assert_equals_pillow(ra.posterize(pixels, bits), expected)


@pytest.mark.parametrize("threshold", [0, 51, 128, 255, 256, 384])
def test_solarize(threshold):
    pixels = noise(30, 40)
    expected = ImageOps.solarize(Image.fromarray(pixels), threshold)
    assert_equals_pillow(ra.solarize(pixels, threshold), expected)


@pytest.mark.parametrize("addition", [0, 22, 110, 165])
def test_solarize_add(addition):
    pixels = noise(30, 40)
    expected = Image.fromarray(pixels).point(
        lambda v: min(v + addition, 255) if v < 128 else v
    )
    assert_equals_pillow(ra.solarize_add(pixels, addition), expected)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", ["Color", "Contrast", "Brightness", "Sharpness"])
def test_enhancements(name, factor, pixels):
    expected = getattr(ImageEnhance, name)(Image.fromarray(pixels)).enhance(factor)
    assert_equals_pillow(getattr(ra, name.lower())(pixels, factor), expected)


@pytest.mark.parametrize("degrees", [-45.0, -30.0, -6.0, 0.0, 15.0, 45.0])
def test_rotate(degrees):
    pixels = dark_photo()
    expected = Image.fromarray(pixels).rotate(degrees, fillcolor=GREY)
    # Where a pixel comes from halfway between two, the nearest is a matter of rounding.
    differing = (ra.rotate(pixels, degrees).numpy() != expected).any(axis=-1)
    assert differing.mean() <= 0.003


@pytest.mark.parametrize("slope", [-0.45, -0.3, 0.0, 0.06, 0.3, 0.45])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_shear(axis, slope):
    pixels = dark_photo()
    picture = Image.fromarray(pixels)
    if axis == "x":
        found, matrix = ra.shear_x(pixels, slope), (1, slope, 0, 0, 1, 0)
    else:
        found, matrix = ra.shear_y(pixels, slope), (1, 0, 0, slope, 1, 0)
    expected = picture.transform(
        picture.size, Image.Transform.AFFINE, matrix, fillcolor=GREY
    )
    assert_equals_pillow(found, expected)


@pytest.mark.parametrize("amount", [-300.0, -27.4, 0.0, 0.6, 45.0])
def test_translate(amount):
    pixels = dark_photo()
    whole = round(amount)
    for found, x, y in [
        (ra.translate(pixels, x=amount), whole, 0),
        (ra.translate(pixels, y=amount), 0, whole),
    ]:
        picture = Image.fromarray(pixels)
        expected = Image.new("RGB", picture.size, GREY)
        expected.paste(picture, (-x, -y))
        assert_equals_pillow(found, expected)


@pytest.mark.parametrize(("centre", "half"), [((10, 20), 5), ((0, 39), 8), ((3, 3), 0)])
def test_cutout(centre, half):
    pixels = noise(30, 40)
    expected = Image.fromarray(pixels)
    if half:
        row, column = centre
        box = (column - half, row - half, column + half - 1, row + half - 1)
        ImageDraw.Draw(expected).rectangle(box, fill=GREY)
    assert_equals_pillow(ra.cutout(pixels, centre, half), expected)


def seed(number: int) -> tf.Tensor:
    return tf.constant([7, number], tf.int64)


@pytest.mark.parametrize("name", ra.OPERATIONS)
def test_strengths_at_magnitude_15_are_those_of_the_recipe(name):
    pixels = dark_photo()
    picture = Image.fromarray(pixels)
    height, width, _ = pixels.shape
    enhanced = ("color", "contrast", "brightness", "sharpness")
    found = ra.OPERATIONS[name](tf.constant(pixels), 1.5, seed(1)).numpy()
    assert found.shape == pixels.shape
    assert found.dtype == np.uint8
    if name in enhanced:
        assert np.array_equal(found, getattr(ra, name)(pixels, 2.8))
    elif name in ("rotate", "shear_x", "shear_y"):
        amount = 45.0 if name == "rotate" else 0.45
        function = getattr(ra, name)
        expected = [function(pixels, amount), function(pixels, -amount)]
        assert any(np.array_equal(found, e) for e in expected)
    elif name.startswith("translate"):
        side = width if name.endswith("x") else height
        shift = round(side * 150 / 224)
        offset = (shift, 0) if name.endswith("x") else (0, shift)
        moved = [
            ImageChops.offset(picture, sign * offset[0], sign * offset[1])
            for sign in (1, -1)
        ]
        is_grey = (found == 128).all(axis=-1)
        assert any((np.asarray(m) == found).all(axis=-1)[~is_grey].all() for m in moved)
    elif name == "cutout":
        # Half of it may lie outside.
        hole = (found != pixels).any(axis=-1).sum()
        assert 0 < hole <= (2 * int(min(height, width) * 60 / 224)) ** 2
    elif name == "posterize":
        assert_equals_pillow(found, ImageOps.posterize(picture, 6))
    elif name == "solarize":
        assert np.array_equal(found, pixels)
    elif name == "solarize_add":
        assert np.array_equal(found, ra.solarize_add(pixels, 165))
    else:
        assert np.array_equal(found, getattr(ra, name)(pixels))


def test_operations_are_chosen_equally_often_and_independently():
    @tf.function(input_signature=[tf.TensorSpec([2], tf.int64)])
    def chosen(seed):
        return tf.stack([ra.choose_operation(seed, number)[0] for number in (0, 1)])

    choices = np.array([chosen(seed(number)) for number in range(1600)])
    for column in choices.T:
        counts = np.bincount(column, minlength=len(ra.OPERATIONS))
        expected = len(column) / len(ra.OPERATIONS)
        # Chi squared with 15 degrees of freedom: above 44.3 in 1 of 10,000 cases.
        assert ((counts - expected) ** 2 / expected).sum() < 44.3
    assert abs(np.corrcoef(choices.T)[0, 1]) < 0.1


def test_half_of_the_turns_go_the_other_way():
    pixels = noise(32, 32)
    one_way = ra.rotate(pixels, 30.0)
    same = [
        np.array_equal(ra.OPERATIONS["rotate"](pixels, 1.0, seed(n)), one_way)
        for n in range(100)
    ]
    assert 30 <= sum(same) <= 70


def test_a_seed_decides_everything():
    pixels = dark_photo()

    @tf.function
    def augmented(number):
        found = ra.rand_augment(
            tf.constant(pixels),
            tf.stack([tf.constant(7, tf.int64), number]),
            operations=2,
            magnitude=15.0,
        )
        return found

    seeds = [tf.constant(n, tf.int64) for n in range(12)]
    first = [augmented(n).numpy() for n in seeds]
    again = [augmented(n).numpy() for n in seeds]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({image.tobytes() for image in first}) > 9
    assert all(image.shape == pixels.shape for image in first)


def test_operations_follow_each_other_in_the_order_chosen():
    pixels = dark_photo()
    number = next(
        n
        for n in range(100)
        if [int(ra.choose_operation(seed(n), k)[0]) for k in (0, 1)] == [2, 15]
        or [int(ra.choose_operation(seed(n), k)[0]) for k in (0, 1)] == [15, 2]
    )
    expected = tf.constant(pixels)
    for k in (0, 1):
        choice, own = ra.choose_operation(seed(number), k)
        expected = list(ra.OPERATIONS.values())[int(choice)](expected, 1.5, own)
    found = ra.rand_augment(
        tf.constant(pixels), seed(number), operations=2, magnitude=15.0
    )
    assert np.array_equal(found, expected)
