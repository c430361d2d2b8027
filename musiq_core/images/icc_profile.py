"""ICC profiles: their names, and what turns a picture into sRGB."""

import functools
import hashlib
import io
import struct
from typing import Any, cast

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms

from musiq_core.images.stored_image import Rgb, StoredImage
from schemas.text import printable

NOT_APPLIED = " (not applied)"
_NAME_MAX_CHARACTERS = 100
_HEADER_BYTES = 128
_MOST_TAGS = 100
_HASH_CHARACTERS = 12
_MODES = {b"GRAY": "L", b"RGB ": "RGB", b"CMYK": "CMYK"}
_PROBES_A_SIDE = 9


def name_profile(profile: bytes) -> str:
    """Return what an ICC profile calls itself, such as "Display P3".

    Returns:
      The description, at most 100 printable characters; `sha256:` and twelve digits of
      the profile's digest if it has none or is damaged.
    """
    try:
        name = printable(_describe(profile)).strip()[:_NAME_MAX_CHARACTERS]
    except (struct.error, ValueError):
        name = ""
    digest = hashlib.sha256(profile).hexdigest()
    return name or f"sha256:{digest[:_HASH_CHARACTERS]}"


def _describe(profile: bytes) -> str:
    """Return the text of the tag `desc`: one of version 2 or of version 4."""
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    for index in range(min(count, _MOST_TAGS)):
        at = _HEADER_BYTES + 4 + 12 * index
        kind, offset, size = struct.unpack_from(">4sII", profile, at)
        if kind == b"desc":
            return _text(profile[offset : offset + size])
    return ""


def _text(tag: bytes) -> str:
    if tag.startswith(b"desc"):
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + length].split(b"\0")[0].decode("latin-1")
    if tag.startswith(b"mluc"):
        (length, offset) = struct.unpack_from(">II", tag, 20)  # of the first language
        text = tag[offset : offset + length].decode("utf-16-be", "replace")
        return text.split("\0")[0]
    return ""


def to_srgb(stored: StoredImage) -> Rgb | None:
    """Return the stored pixels in sRGB, by the picture's profile.

    The intent is perceptual; profiles without tables know no other than relative
    colorimetric. A profile that differs from sRGB by no more than one level changes
    nothing.

    Args:
      stored: A picture with a profile.

    Returns:
      uint8 [height, width, 3]; None if the profile cannot be applied: it is damaged, or
      of another kind of colour than the picture.
    """
    mode = _MODES.get((stored.profile or b"")[16:20])
    samples = stored.inks if mode == "CMYK" else stored.pixels
    if mode is None or samples is None:
        return None
    if mode == "L":
        samples = samples[..., 0]
        if (stored.pixels != samples[..., np.newaxis]).any():
            return None
    try:
        transform = _transform(stored.profile or b"", mode)
        if mode == "RGB" and _is_srgb(transform):
            return stored.pixels
        return _apply(transform, samples, mode)
    except (ImageCms.PyCMSError, ValueError, OSError):
        return None


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        cast(Any, ImageCms.createProfile("sRGB")),
        mode,
        "RGB",
        ImageCms.Intent.PERCEPTUAL,
    )


def _is_srgb(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform leaves colours all over the cube within one level."""
    levels = np.linspace(0, 255, _PROBES_A_SIDE).round().astype(np.uint8)
    probes = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    moved = _apply(transform, probes, "RGB").astype(int) - probes
    return bool(abs(moved).max() <= 1)


def _apply(
    transform: ImageCms.ImageCmsTransform, samples: UInt8[np.ndarray, "..."], mode: str
) -> Rgb:
    picture = Image.fromarray(np.ascontiguousarray(samples), mode)
    return np.asarray(transform.apply(picture))
