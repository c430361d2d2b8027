"""What `musiq score` can be told, checked at construction; light to import."""

import dataclasses
import enum

from musiq_core.config import (
    ColorProfileRule,
    DecodeConfig,
    JpegDct,
    OrientationRule,
)
from pipelines.decoding.limits import DecoderLimits
from pipelines.scoring.choosing.choice import Choice


class Device(enum.StrEnum):
    """What computes the scores of a run."""

    CPU = "cpu"
    GPU = "gpu"
    TPU = "tpu"

    @property
    def is_accelerator(self) -> bool:
        """Whether batches run beside the Python process instead of in it."""
        return self is not Device.CPU

    @property
    def precision(self) -> str:
        """What matrix products are computed in."""
        return "bfloat16" if self.is_accelerator else "float32"

    @property
    def jax_platform(self) -> str:
        """JAX's name of it, for JAX_PLATFORMS."""
        return "cuda" if self is Device.GPU else self.value


class RetryFailed(enum.StrEnum):
    """Which failed rows are tried again although their files have not changed."""

    TRANSIENT = "transient"
    ALL = "all"
    NONE = "none"


class Vanished(enum.StrEnum):
    """What becomes of rows whose inputs are no longer named."""

    DROP = "drop"
    MARK = "mark"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoringConfig:
    """What was asked of a run of `musiq score`; each field is a flag.

    Attributes:
      input: Names of what to score, as they were given.
      output: Name of the ledger's folder.
      model: `[NAME=]FILE` of each model; none means the built-in one.
      uri_column: Column of manifests that names the images.
      image_column: Column or feature that holds images; None means the usual names.
      include: Patterns of names; if there are any, no others are tried.
      exclude: Patterns of names that are left out.
      ignore_case: Whether these patterns match letters of either case.
      all_files: Whether side files in folders are tried, too.
      follow_links: Whether links in a folder may lead out of it.
      limit: The first so many images are tried; None tries all.
      sample: So many images are tried, by a hash of their URIs; None tries all.
      allow_bucket: Buckets that lists may name besides those of input and output.
      jpeg_dct: Inverse DCT of JPEG files.
      orientation: Whether the EXIF orientation is applied.
      color_profile: Whether an ICC profile turns the pixels into sRGB.
      max_pixels: Larger images fail as `too_large`, undecoded.
      max_tokens: Photos with more tokens are shrunk; None shrinks nothing.
      measure: Whether photos are measured besides; None means as in the ledger's last
        run (`limits`).
      device: What computes the scores.
      max_file_bytes: Larger files fail as `too_large`, unread.
      retry_failed: Which failed rows of the ledger are tried again.
      verify_content: Whether a row of a local file is kept by the file's digest.
      vanished: What becomes of rows whose inputs are no longer named; None, here and
        below, means as in the ledger's last run (`limits`).
      rescore: Whether everything is scored, also what has not changed.
      max_failure_rate: Share of failed images above which nothing is published.
      max_vanished_rate: Share of vanished photos above which nothing is published.
      decode_timeout_seconds: An image that takes longer fails as `timeout`.
      workers: Local worker processes; None means what suits the device.
      json: Whether the summary is JSON.
      quiet: Whether nothing but errors and that JSON is printed.
      rows_per_shard: Rows of one Parquet file, about.
    """

    input: tuple[str, ...]
    output: str
    model: tuple[str, ...] = ()
    uri_column: str = "uri"
    image_column: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignore_case: bool = False
    all_files: bool = False
    follow_links: bool = False
    limit: int | None = None
    sample: int | None = None
    allow_bucket: tuple[str, ...] = ()
    jpeg_dct: JpegDct = DecodeConfig.jpeg_dct
    orientation: OrientationRule = DecodeConfig.orientation
    color_profile: ColorProfileRule = DecodeConfig.color_profile
    max_pixels: int = DecodeConfig.max_pixels
    max_tokens: int | None = None
    measure: bool | None = None
    device: Device = Device.CPU
    max_file_bytes: int = 256 * 2**20
    retry_failed: RetryFailed = RetryFailed.TRANSIENT
    verify_content: bool = False
    vanished: Vanished | None = None
    rescore: bool = False
    max_failure_rate: float | None = None
    max_vanished_rate: float | None = None
    decode_timeout_seconds: float = DecoderLimits.seconds
    workers: int | None = None
    json: bool = False
    quiet: bool = False
    rows_per_shard: int = 100_000

    def __post_init__(self):
        if not self.input:
            raise ValueError("a run needs at least one input")
        for name in ("max_tokens", "max_file_bytes", "workers", "rows_per_shard"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be positive, got {value}")
        for name in ("max_failure_rate", "max_vanished_rate"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be in 0..1, got {value}")
        if self.decode_timeout_seconds <= 0:
            raise ValueError(
                "decode_timeout_seconds must be positive, got "
                f"{self.decode_timeout_seconds}"
            )
        _ = self.decode, self.choice

    @property
    def choice(self) -> Choice:
        """Which of the files that the inputs name are tried."""
        return Choice(
            include=self.include,
            exclude=self.exclude,
            ignore_case=self.ignore_case,
            all_files=self.all_files,
            follow_links=self.follow_links,
            limit=self.limit,
            sample=self.sample,
        )

    @property
    def decode(self) -> DecodeConfig:
        """How files become pixels, and the limits on them."""
        return DecodeConfig(
            jpeg_dct=self.jpeg_dct,
            orientation=self.orientation,
            color_profile=self.color_profile,
            max_pixels=self.max_pixels,
        )

    @property
    def decoder_limits(self) -> DecoderLimits:
        """What decoding one image may cost."""
        return DecoderLimits(seconds=self.decode_timeout_seconds)
