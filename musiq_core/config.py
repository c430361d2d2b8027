"""What defines a MUSIQ model and how an image is prepared for it."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args

JpegDct = Literal["fast", "accurate"]
OrientationRule = Literal["apply", "ignore"]
ColorProfileRule = Literal["ignore", "srgb"]

# Pillow itself refuses pictures that are larger.
LARGEST_MAX_PIXELS = 178_956_970

LARGEST_TOKEN_COUNT = 65535
"""Tokens of the largest image: with its CLS row it fills the longest sequence."""


def sequence_length(token_count: int) -> int:
    """Return the rows that an image takes in a sequence: its tokens and CLS."""
    return token_count + 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreprocessingConfig:
    """How one image becomes a sequence of patches.

    Attributes:
      scales: Longer side of each resized copy in pixels, ascending; the native size
        always follows them. Empty means native only ("single-scale").
      patch_size: Side of a square patch in pixels.
      grid_size: Cells along one side of the grid that positions are hashed to.
    """

    scales: tuple[int, ...] = (224, 384)
    patch_size: int = 32
    grid_size: int = 10

    def __post_init__(self):
        if (
            list(self.scales) != sorted(set(self.scales))
            or min(self.scales, default=1) < 1
        ):
            raise ValueError(
                f"scales must be positive and ascend without repeats, got {self.scales}"
            )
        if self.patch_size < 1:
            raise ValueError(f"patch_size must be at least 1, got {self.patch_size}")
        if self.grid_size < 1:
            raise ValueError(f"grid_size must be at least 1, got {self.grid_size}")

    @property
    def scale_count(self) -> int:
        """Number of scales including the native one."""
        return len(self.scales) + 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecodeConfig:
    """How pixels are read, and what is refused before it costs much.

    Attributes:
      jpeg_dct: Inverse DCT of JPEG files. The published model was run with "fast";
        "accurate" gives Pillow's pixels, about 1 level away on average. Files with
        defects in their header get "accurate" in any case.
      orientation: Whether the EXIF orientation is applied. The published implementation
        ignores it.
      color_profile: Whether an ICC profile turns the pixels into sRGB. The published
        implementation ignores it.
      max_pixels: Largest width times height, checked in the header before decoding.
      max_jpeg_scans: Most scans of a JPEG, counted before decoding.

    Source: musiq-spec section 1.
    """

    jpeg_dct: JpegDct = "fast"
    orientation: OrientationRule = "apply"
    color_profile: ColorProfileRule = "ignore"
    max_pixels: int = 2**26
    max_jpeg_scans: int = 100

    def __post_init__(self):
        if self.jpeg_dct not in get_args(JpegDct):
            raise ValueError(
                f"jpeg_dct must be one of {get_args(JpegDct)}, got {self.jpeg_dct!r}"
            )
        if self.orientation not in get_args(OrientationRule):
            raise ValueError(
                f"orientation must be one of {get_args(OrientationRule)}, "
                f"got {self.orientation!r}"
            )
        if self.color_profile not in get_args(ColorProfileRule):
            raise ValueError(
                f"color_profile must be one of {get_args(ColorProfileRule)}, "
                f"got {self.color_profile!r}"
            )
        if not 1 <= self.max_pixels <= LARGEST_MAX_PIXELS:
            raise ValueError(
                f"max_pixels must be in 1..{LARGEST_MAX_PIXELS}, got {self.max_pixels}"
            )
        if self.max_jpeg_scans < 1:
            raise ValueError(
                f"max_jpeg_scans must be at least 1, got {self.max_jpeg_scans}"
            )


DEFAULT_DECODING = DecodeConfig()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The sizes of a MUSIQ network; the defaults are the published ones.

    Attributes:
      preprocessing: The patches that the network expects.
      output_count: 1 for a score head, n > 1 for a distribution over 1..n.
      stem_width: Channels of the patch encoder's convolutions.
      patch_features: Channels of the patch encoder's output, before flattening.
      group_count: Groups of every group normalisation.
      hidden_size: Width of the Transformer.
      layer_count: Transformer blocks.
      head_count: Attention heads of a block.
      mlp_size: Width of a block's hidden MLP layer.

    Source: musiq-spec section 7; MUSIQ (arXiv:2108.05997), section 4.1.
    """

    preprocessing: PreprocessingConfig = PreprocessingConfig()
    output_count: int = 1
    stem_width: int = 64
    patch_features: int = 256
    group_count: int = 32
    hidden_size: int = 384
    layer_count: int = 14
    head_count: int = 6
    mlp_size: int = 1152

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < 1:
                raise ValueError(f"{field.name} must be at least 1, got {value}")
        _require_divides("group_count", self.group_count, "stem_width", self.stem_width)
        _require_divides(
            "group_count", self.group_count, "patch_features", self.patch_features
        )
        _require_divides("head_count", self.head_count, "hidden_size", self.hidden_size)
        if self.preprocessing.patch_size % 4:
            raise ValueError(
                "the patch encoder reduces a patch by 4, so patch_size must be a "
                f"multiple of 4, got {self.preprocessing.patch_size}"
            )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.head_count


def _require_divides(small_name: str, small: int, large_name: str, large: int) -> None:
    if large % small:
        raise ValueError(f"{small_name} {small} must divide {large_name} {large}")


def published_config(
    *, scales: Sequence[int] = (224, 384), output_count: int = 1
) -> ModelConfig:
    """Return the published architecture for a list of scales and a head.

    Args:
      scales: Longer sides of the resized copies; () for the single-scale models.
      output_count: 1 (KonIQ-10k, PaQ-2-PiQ, SPAQ) or 10 (AVA).
    """
    return ModelConfig(
        preprocessing=PreprocessingConfig(scales=tuple(scales)),
        output_count=output_count,
    )
