"""Generated images."""

import io

import numpy as np
from PIL import Image


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng((height, width, seed))
    return random.integers(0, 256, (height, width, 3), np.uint8)


def photo_like(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft shapes, sharp edges and fine texture, in colour."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    pixels = np.full((height, width, 3), 110.0)
    for _ in range(12):
        centre_y, centre_x = random.uniform(0, height), random.uniform(0, width)
        distance = np.hypot(y - centre_y, x - centre_x)
        radius = random.uniform(8, max(height, width) / 3)
        colour = random.uniform(-70, 70, 3)
        pixels += np.exp(-((distance / radius) ** 2))[..., None] * colour
        pixels += ((distance < radius / 2)[..., None]) * colour * 0.4
    texture = np.sin(x / 2.1 + seed) * np.sin(y / 3.3) * 12
    return np.clip(pixels + texture[..., None], 0, 255).astype(np.uint8)


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
