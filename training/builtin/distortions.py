"""Kinds of degradation, each graded by a severity of 0 (just seen) to 1 (ruined).

Every kind is a pure function of pixels, severity and a random generator. The ranges are
those of the measured recipe: geometric where the eye works in ratios.
"""

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from PIL import Image, ImageFilter

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FILTERS = Image.Resampling
# Down and up again: good scalers, careless ones, and mixed.
_SCALERS = (
    (_FILTERS.BICUBIC, _FILTERS.BICUBIC),
    (_FILTERS.LANCZOS, _FILTERS.LANCZOS),
    (_FILTERS.BOX, _FILTERS.BILINEAR),
    (_FILTERS.BILINEAR, _FILTERS.BICUBIC),
    (_FILTERS.NEAREST, _FILTERS.BILINEAR),
)

Pixels = npt.NDArray[np.uint8]  # [height, width, 3]
Values = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator
Distort = Callable[[Pixels, float, Rng], Pixels]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of degradation.

    Attributes:
      name: Its name.
      distort: uint8 [height, width, 3], severity in 0..1 and a generator to the
        degraded pixels, of the same shape and type.
      weight: How often it is drawn, relative to the other kinds.
      visibility: Factor on its measured strength: full-reference measures punish
        changes of tone more than people do.
    """

    name: str
    distort: Distort
    weight: float = 1.0
    visibility: float = 1.0


def geometric(low: float, high: float, severity: float) -> float:
    """Return the value between two positive bounds that divides their ratio."""
    return float(low * (high / low) ** severity)


def linear(low: float, high: float, severity: float) -> float:
    """Return the value between two bounds, in either order."""
    return low + (high - low) * severity


def gaussian_blur(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur with a Gaussian of sigma 0.45 to 7 pixels."""
    del rng
    radius = geometric(0.45, 7, severity)
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def defocus(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur with a disc of radius 0.8 to 10 pixels."""
    del rng
    radius = geometric(0.8, 10, severity)
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)
    return _convolve(pixels, kernel)


def motion(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur along a line of 2 to 32 pixels at any angle."""
    length = geometric(2, 32, severity)
    angle = rng.uniform(0, np.pi)
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for along in np.linspace(-length / 2, length / 2, int(8 * length)):
        y, x = reach + along * np.sin(angle), reach + along * np.cos(angle)
        top, left = int(y), int(x)
        down, right = y - top, x - left
        kernel[top, left] += (1 - down) * (1 - right)
        kernel[top + 1, left] += down * (1 - right)
        kernel[top, left + 1] += (1 - down) * right
        kernel[top + 1, left + 1] += down * right
    return _convolve(pixels, kernel)


def colour_noise(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add independent noise to every channel."""
    sigma = geometric(3, 65, severity)
    return _to_bytes(pixels + _normal(rng, pixels.shape, sigma))


def grey_noise(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add the same noise to all channels."""
    sigma = geometric(3, 55, severity)
    return _to_bytes(pixels + _normal(rng, (*pixels.shape[:2], 1), sigma))


def coarse_noise(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add noise with grain of more than a pixel, as high ISO leaves after scaling."""
    sigma = geometric(3, 45, severity)
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 0.8**2))
    kernel = np.outer(kernel, kernel)
    noise = _convolve_float(_normal(rng, pixels.shape, 1), kernel)
    return _to_bytes(pixels + noise * (sigma / noise.std()))


def sensor_noise(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add noise that grows with the root of the light, as a sensor's does."""
    sigma = geometric(3, 60, severity)
    noise = _normal(rng, pixels.shape, sigma)
    return _to_bytes(pixels + noise * np.sqrt(pixels / np.float32(128) + 0.1))


def impulse_noise(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Set a share of the pixels, 0.1 to 15 per cent, to black or white."""
    share = geometric(0.001, 0.15, severity)
    chosen = rng.random(pixels.shape[:2], np.float32)
    noisy = pixels.copy()
    noisy[chosen < share] = 255
    noisy[chosen < share / 2] = 0
    return noisy


def jpeg(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Compress as JPEG of quality 80 to 4."""
    quality = round(geometric(80, 4, severity))
    subsampling = int(rng.choice([0, 2], p=[0.3, 0.7]))
    return _through(pixels, "JPEG", quality=quality, subsampling=subsampling)


def webp(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Compress as WebP of quality 70 to 0."""
    del rng
    quality = round(70 * (1 - severity) ** 1.3)
    return _through(pixels, "WEBP", quality=quality, method=0)


def jpeg_2000(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Compress as JPEG 2000 to between a 12th and a 250th."""
    del rng
    rate = geometric(12, 250, severity)
    return _through(pixels, "JPEG2000", quality_mode="rates", quality_layers=[rate])


def rescale(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Scale down by 1.25 to 8 and up again, with one of five pairs of filters."""
    down, up = _SCALERS[rng.integers(len(_SCALERS))]
    return rescale_with(pixels, geometric(1.25, 8, severity), down, up)


def rescale_with(
    pixels: Pixels, factor: float, down: Image.Resampling, up: Image.Resampling
) -> Pixels:
    """Scale down by a factor and up again with the filters named."""
    image = Image.fromarray(pixels)
    small = (max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    return np.asarray(image.resize(small, down).resize(image.size, up))


def pixelate(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Show blocks of 1.3 to 9 pixels."""
    del rng
    factor = geometric(1.3, 9, severity)
    return rescale_with(pixels, factor, _FILTERS.BOX, _FILTERS.NEAREST)


def darken(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Darken by a factor, a gamma, a shift, or a factor on linear light."""
    factor = geometric(0.85, 0.12, severity)
    light = pixels / np.float32(255)
    way = rng.integers(4)
    if way == 0:
        light = light * factor
    elif way == 1:
        light = light ** (1 - 1.2 * np.log(factor))
    elif way == 2:
        light = light - 0.6 * (1 - factor)
    else:
        light = (light**2.2 * factor**1.6) ** (1 / 2.2)
    return _to_bytes(light * 255)


def brighten(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Overexpose by a factor, a shift or a gamma."""
    factor = geometric(1.15, 3.2, severity)
    light = pixels / np.float32(255)
    way = rng.integers(3)
    if way == 0:
        light = light * factor
    elif way == 1:
        light = light + 0.25 * (factor - 1)
    else:
        light = light ** (1 / factor)
    return _to_bytes(light * 255)


def lower_contrast(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Draw all values towards the mean."""
    del rng
    return _scale_contrast(pixels, geometric(0.85, 0.12, severity))


def raise_contrast(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Drive all values away from the mean until they clip."""
    del rng
    return _scale_contrast(pixels, geometric(1.2, 4, severity))


def haze(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blend with a light grey."""
    share = linear(0.12, 0.85, severity)
    return _to_bytes(pixels * (1 - share) + share * rng.uniform(170, 240))


def colour_cast(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Multiply the channels by gains that drift apart."""
    spread = geometric(0.08, 0.8, severity)
    direction = rng.normal(size=3)
    direction -= direction.mean()
    direction /= np.abs(direction).max()
    return _to_bytes(pixels * np.exp(spread * direction).astype(np.float32))


def desaturate(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Take the colour out."""
    del rng
    return _scale_colour(pixels, linear(0.7, 0, severity))


def oversaturate(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Exaggerate the colour."""
    del rng
    return _scale_colour(pixels, geometric(1.5, 6, severity))


def posterise(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Keep 40 to 3 levels of each channel."""
    del rng
    steps = geometric(40, 3, severity) - 1
    return _to_bytes(np.rint(pixels * (steps / 255)) * (255 / steps))


def oversharpen(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add 0.8 to 10 times what a blur takes away."""
    amount = geometric(0.8, 10, severity)
    filter_ = ImageFilter.GaussianBlur(rng.uniform(0.8, 3))
    blurred = np.asarray(Image.fromarray(pixels).filter(filter_), np.float32)
    return _to_bytes(pixels + amount * (pixels - blurred))


def denoise(pixels: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add noise and smear it with a median, as a camera's noise reduction does."""
    sigma = geometric(3, 40, severity)
    noisy = _to_bytes(pixels + _normal(rng, pixels.shape, sigma))
    smeared = Image.fromarray(noisy).filter(ImageFilter.MedianFilter(3))
    return np.asarray(smeared)


KINDS = (
    Kind(name="gaussian_blur", distort=gaussian_blur, weight=2),
    Kind(name="defocus", distort=defocus, weight=1.3),
    Kind(name="motion", distort=motion, weight=1.3),
    Kind(name="colour_noise", distort=colour_noise, weight=2),
    Kind(name="grey_noise", distort=grey_noise),
    Kind(name="coarse_noise", distort=coarse_noise),
    Kind(name="sensor_noise", distort=sensor_noise),
    Kind(name="impulse_noise", distort=impulse_noise, weight=0.7),
    Kind(name="jpeg", distort=jpeg, weight=6),
    Kind(name="webp", distort=webp, weight=1.5),
    Kind(name="jpeg_2000", distort=jpeg_2000, weight=1.5),
    Kind(name="rescale", distort=rescale, weight=2),
    Kind(name="pixelate", distort=pixelate, weight=0.6),
    Kind(name="darken", distort=darken, weight=2, visibility=0.55),
    Kind(name="brighten", distort=brighten, visibility=0.5),
    Kind(name="lower_contrast", distort=lower_contrast, visibility=0.5),
    Kind(name="raise_contrast", distort=raise_contrast, visibility=0.35),
    Kind(name="haze", distort=haze, visibility=0.5),
    Kind(name="colour_cast", distort=colour_cast, visibility=0.5),
    Kind(name="desaturate", distort=desaturate, weight=0.4, visibility=0.4),
    Kind(name="oversaturate", distort=oversaturate, weight=0.5, visibility=0.4),
    Kind(name="posterise", distort=posterise),
    Kind(name="oversharpen", distort=oversharpen, visibility=0.6),
    Kind(name="denoise", distort=denoise, weight=0.7),
)


def save_as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Return what a JPEG of this quality, with halved colour, keeps of an image."""
    return _through(pixels, "JPEG", quality=quality, subsampling=2)


def _normal(rng: Rng, shape: tuple[int, ...], sigma: float) -> Values:
    return rng.standard_normal(shape, np.float32) * np.float32(sigma)


def _to_bytes(values: Values) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _scale_contrast(pixels: Pixels, factor: float) -> Pixels:
    mean = pixels.mean(dtype=np.float32)
    return _to_bytes(mean + (pixels - mean) * factor)


def _scale_colour(pixels: Pixels, factor: float) -> Pixels:
    grey = (pixels @ _LUMA)[..., None]
    return _to_bytes(grey + (pixels - grey) * np.float32(factor))


def _through(pixels: Pixels, format_: str, **options: Any) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_, **options)
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def _convolve(pixels: Pixels, kernel: Values) -> Pixels:
    return _to_bytes(_convolve_float(pixels.astype(np.float32), kernel))


def _convolve_float(pixels: Values, kernel: Values) -> Values:
    """Convolve each channel with an odd-sized kernel of sum 1, edges reflected."""
    reach = kernel.shape[0] // 2
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(pixels, ((reach, reach), (reach, reach), (0, 0)), "symmetric")
    shape = [
        scipy.fft.next_fast_len(n + 2 * reach, real=True) for n in padded.shape[:2]
    ]
    spectrum = np.asarray(scipy.fft.rfft2(kernel, shape))[..., None]
    product = scipy.fft.rfft2(padded, shape, axes=(0, 1)) * spectrum
    full = np.asarray(scipy.fft.irfft2(product, shape, axes=(0, 1)))
    height, width = pixels.shape[:2]
    start = 2 * reach
    return full[start : start + height, start : start + width]
