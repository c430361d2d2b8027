"""What training and evaluation do to images before a model sees them."""

import dataclasses

from musiq_core.config import PreprocessingConfig

TOKEN_CHOICES = ("first", "random")


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputConfig:
    """How labelled images become batches.

    Evaluation uses `preprocessing` and `evaluation_max_native_tokens` alone. The
    defaults are the paper's fine-tuning: no resize, no crop, half of the images
    mirrored.

    Attributes:
      preprocessing: Scales, patch size and grid of positions.
      max_native_tokens: Most tokens of the native size in training.
      max_resized_tokens: Most tokens of each resized copy in training; None takes all.
      token_choice: Which tokens stay where there are more: the `first`, row by row, as
        published, or `random` ones, others every time. Either way they keep their
        positions.
      evaluation_max_native_tokens: Most tokens of the native size in evaluation, the
        first ones; None takes all, as scoring does.
      flip: Whether half of the images are mirrored, left to right.
      crop_min_area: Smallest share of an image's area that a random crop keeps; None
        crops nothing. A crop keeps its pixels as they are, no resize. With
        `token_choice` `first`, crops are small enough that all of their native tokens
        stay. The paper crops, and does not say how.
      randaugment_ops: Operations of RandAugment on an image; 0 for none.
      randaugment_magnitude: Their strength, 10 being the strongest of AutoAugment. Not
        from the paper.
      mixup_alpha: Images are mixed in pairs, with a share from Beta(alpha, alpha); 0
        mixes none. Both images of a pair get crops of one size. Not from the paper,
        which names mixup and no more.

    Source: MUSIQ (arXiv:2108.05997), section 4.1.
    """

    preprocessing: PreprocessingConfig = PreprocessingConfig()  # noqa: RUF009
    max_native_tokens: int = 512
    max_resized_tokens: int | None = None
    token_choice: str = "first"
    evaluation_max_native_tokens: int | None = None
    flip: bool = True
    crop_min_area: float | None = None
    randaugment_ops: int = 0
    randaugment_magnitude: float = 15.0
    mixup_alpha: float = 0.0

    def __post_init__(self):
        for name in (
            "max_native_tokens",
            "max_resized_tokens",
            "evaluation_max_native_tokens",
        ):
            tokens = getattr(self, name)
            if tokens is not None and tokens < 1:
                raise ValueError(f"{name} must be at least 1, got {tokens}")
        if self.token_choice not in TOKEN_CHOICES:
            raise ValueError(
                f"token_choice must be one of {', '.join(TOKEN_CHOICES)}, "
                f"got {self.token_choice!r}"
            )
        if self.crop_min_area is not None and not 0 < self.crop_min_area <= 1:
            raise ValueError(
                f"crop_min_area must be in (0, 1], got {self.crop_min_area}"
            )
        for name in ("randaugment_ops", "randaugment_magnitude", "mixup_alpha"):
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"{name} must be at least 0, got {getattr(self, name)}"
                )
        if self.mixup_alpha and self.crop_min_area is None:
            raise ValueError(
                "mixup_alpha needs crop_min_area: images are mixed as crops of one size"
            )

    @property
    def images_per_group(self) -> int:
        """Neighbours in the order of images that are made together: 2 if mixed."""
        return 2 if self.mixup_alpha else 1

    @property
    def resized_token_counts(self) -> tuple[int, ...]:
        """Most tokens of each resized copy in training: those of a square image."""
        patch = self.preprocessing.patch_size
        whole = [(-(-longer // patch)) ** 2 for longer in self.preprocessing.scales]
        return tuple(min(n, self.max_resized_tokens or n) for n in whole)

    @property
    def token_count(self) -> int:
        """Length of the sequences in training, padding included: the same for all."""
        return sum(self.resized_token_counts) + self.max_native_tokens
