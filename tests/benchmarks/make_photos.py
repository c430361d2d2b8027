"""Synthetic JPEGs with a photo's spectrum and sizes; the same files every time."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

MIXED_COUNT = 200


def photo(height: int, width: int, seed: int) -> bytes:
    """1/f noise with grain, as a JPEG of quality 90."""
    random = np.random.default_rng(seed)
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.rfftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    channels = []
    for _ in range(3):
        phase = np.exp(2j * np.pi * random.random(amplitude.shape))
        channel = np.fft.irfft2(amplitude * phase, s=(height, width))
        channel = (channel - channel.mean()) / channel.std()
        channels.append(128 + 45 * channel + random.normal(0, 3, channel.shape))
    pixels = np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def mixed_sizes(count: int) -> list[tuple[int, int]]:
    """(height, width) of 0.2 to 2 megapixels, 0.75 on average, upright and not."""
    random = np.random.default_rng(7)
    megapixels = 0.2 * (10 ** random.beta(1.3, 1.6, count))
    ratios = random.choice([1.0, 4 / 3, 1.5, 16 / 9], count)
    sizes = []
    for area, ratio, upright in zip(
        megapixels * 1e6, ratios, random.random(count) < 0.3, strict=True
    ):
        short, long = int((area / ratio) ** 0.5), int((area * ratio) ** 0.5)
        sizes.append((long, short) if upright else (short, long))
    return sizes


def write_photos(folder: Path, sizes: list[tuple[int, int]]) -> None:
    """Write one photo for each (height, width), unless the folder is there already."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    for index, (height, width) in enumerate(sizes):
        name = f"{index:05d}-{width}x{height}.jpg"
        (folder / name).write_bytes(photo(height, width, index))


def repeat_photos(folder: Path, source: Path, count: int) -> None:
    """Fill a folder with `count` links to the files of another, in turn."""
    folder.mkdir(parents=True)
    files = sorted(source.iterdir())
    for index in range(count):
        (folder / f"{index:06d}.jpg").hardlink_to(files[index % len(files)])
