"""Generated images."""

import io

import numpy as np
from PIL import Image


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng((height, width, seed))
    return random.integers(0, 256, (height, width, 3), np.uint8)


def encoded(pixels: np.ndarray, file_format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, file_format, **options)
    return file.getvalue()


def write_images(folder, count: int) -> None:
    """`count` small PNGs of different shapes below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels = noise(20 + index * 7 % 90, 20 + index * 13 % 120, index)
        (folder / f"image-{index:03d}.png").write_bytes(encoded(pixels))
