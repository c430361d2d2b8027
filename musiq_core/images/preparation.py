"""From a file's bytes to what the models see of it; no JAX, so children can do it."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from musiq_core.config import (
    DEFAULT_DECODING,
    LARGEST_TOKEN_COUNT,
    DecodeConfig,
    PreprocessingConfig,
)
from musiq_core.images.decode import decode_image
from musiq_core.images.patches import Patches, count_tokens, cut_native, extract_patches
from musiq_core.measures.measure import measure_photo
from schemas.failures import Failure, ImageFailure
from schemas.image_facts import ImageFacts
from schemas.measures import Measures


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparationConfig:
    """How files become patches.

    Attributes:
      preprocessings: The distinct preprocessings of the models, at least one.
      decode: How pixels are read, and what is refused.
      max_tokens: Photos with more tokens are shrunk until they have no more; None
        shrinks nothing.
      measure: Whether photos are measured besides.
    """

    preprocessings: tuple[PreprocessingConfig, ...]
    decode: DecodeConfig = DEFAULT_DECODING
    max_tokens: int | None = None
    measure: bool = False

    def __post_init__(self):
        if not self.preprocessings:
            raise ValueError("preparing images needs at least one preprocessing")
        if self.max_tokens is None:
            return
        fewest = max(most_resized_tokens(p) for p in self.preprocessings) + 1
        if not fewest <= self.max_tokens <= LARGEST_TOKEN_COUNT:
            raise ValueError(
                f"max_tokens must be in {fewest}..{LARGEST_TOKEN_COUNT} for these "
                f"models, got {self.max_tokens}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Preparation:
    """One image, ready for the models.

    Attributes:
      facts: What the ledger says of the file, all of it.
      patches: One form for each preprocessing, in the configuration's order; forms
        with one patch size share their native patches.
      measures: Of the upright pixels before any shrinking; None if not asked for.
    """

    facts: ImageFacts
    patches: tuple[Patches, ...]
    measures: Measures | None = None


def prepare(data: bytes, config: PreparationConfig) -> Preparation:
    """Decode an image, shrink it if it has too many tokens, and cut its patches.

    Args:
      data: The whole file.
      config: Choices and limits.

    Raises:
      ImageFailure: As `decode_image`; `unsupported_shape` or `too_large` if the models
        cannot score it. What was found out before is in its `facts`.
    """
    image = decode_image(data, config.decode)
    facts = ImageFacts(
        format=image.format,
        width=image.width,
        height=image.height,
        frames=image.frames,
        orientation=image.orientation,
        icc=image.icc,
    )
    try:
        height, width = fitting_size(
            image.height, image.width, config.preprocessings, config.max_tokens
        )
        tokens = _count_tokens(height, width, config.preprocessings)
        if tokens > LARGEST_TOKEN_COUNT:
            raise ImageFailure(
                Failure.TOO_LARGE,
                f"{width} x {height} pixels make {tokens} tokens, at most "
                f"{LARGEST_TOKEN_COUNT} can be scored; --max_tokens would shrink it",
            )
        measures = measure_photo(image.pixels) if config.measure else None
        pixels = _shrink(image.pixels, height, width)
        sizes = {p.patch_size for p in config.preprocessings}
        native = {size: cut_native(pixels, size) for size in sizes}
        patches = tuple(
            extract_patches(pixels, p, native[p.patch_size])
            for p in config.preprocessings
        )
    except ImageFailure as failure:
        raise ImageFailure(failure.failure, failure.detail, facts) from failure
    facts = dataclasses.replace(
        facts, tokens=tokens, shrink_factor=max(height, width) / max(image.size)
    )
    return Preparation(facts=facts, patches=patches, measures=measures)


def fitting_size(
    height: int,
    width: int,
    preprocessings: Sequence[PreprocessingConfig],
    max_tokens: int | None,
) -> tuple[int, int]:
    """Return the largest size of the same shape that has at most `max_tokens` tokens.

    Args:
      height: Pixels, at least 1.
      width: Pixels, at least 1.
      preprocessings: The token count of the longest form decides.
      max_tokens: Must exceed the tokens of the resized copies; None allows any number.

    Raises:
      ImageFailure: `unsupported_shape`, as `scaled_sizes`.
    """
    if max_tokens is None or _count_tokens(height, width, preprocessings) <= max_tokens:
        return height, width
    fits, too_long = 1, max(height, width)
    while too_long - fits > 1:
        longer = (fits + too_long) // 2
        size = _shrunk_size(height, width, longer)
        if _count_tokens(*size, preprocessings) <= max_tokens:
            fits = longer
        else:
            too_long = longer
    return _shrunk_size(height, width, fits)


def _count_tokens(
    height: int, width: int, preprocessings: Sequence[PreprocessingConfig]
) -> int:
    return max(count_tokens(height, width, p) for p in preprocessings)


def _shrunk_size(height: int, width: int, longer: int) -> tuple[int, int]:
    side = max(height, width)
    return max(1, round(height * longer / side)), max(1, round(width * longer / side))


def _shrink(
    pixels: UInt8[np.ndarray, "rows columns 3"], height: int, width: int
) -> UInt8[np.ndarray, "{height} {width} 3"]:
    """Shrink with Pillow's antialiased Lanczos filter; the same size stays as it is."""
    if pixels.shape[:2] == (height, width):
        return pixels
    shrunk = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(shrunk)


def most_resized_tokens(config: PreprocessingConfig) -> int:
    """Return the tokens of all resized copies of a square image, which has the most."""
    return sum((-(-longer // config.patch_size)) ** 2 for longer in config.scales)
