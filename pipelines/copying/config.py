"""What a copy of photos is told; light to import."""

import dataclasses
import enum


class Layout(enum.StrEnum):
    """How copies lie in their folder."""

    FILES = "files"
    WEBDATASET = "webdataset"
    PARQUET = "parquet"
    TRAINING = "training"

    @property
    def is_sharded(self) -> bool:
        """Whether many photos lie in one file."""
        return self in (Layout.WEBDATASET, Layout.PARQUET)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CopyingConfig:
    """One copy.

    Attributes:
      target: Folder of the copies, its full name without a slash at its end.
      layout: How they lie in it.
      shard_mib: Photos of a shard: it is closed by the one that reaches this size.
      label: The column that is the label of a photo of a training set.
      max_failure_rate: Share of the photos that may fail before the exit code says so.
    """

    target: str
    layout: Layout = Layout.FILES
    shard_mib: int = 256
    label: str | None = None
    max_failure_rate: float = 0.0

    def __post_init__(self):
        if self.shard_mib < 1:
            raise ValueError(f"shard_mib must be positive, got {self.shard_mib}")
        if not 0 <= self.max_failure_rate <= 1:
            raise ValueError(
                f"max_failure_rate must be from 0 to 1, got {self.max_failure_rate}"
            )
        if (self.label is not None) != (self.layout is Layout.TRAINING):
            raise ValueError(
                "a training set has a label, and no other layout has one: name its "
                "column, such as musiq_koniq"
            )
