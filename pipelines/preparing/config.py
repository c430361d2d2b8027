"""What `musiq prepare` can be told, and what one run of it does; light to import."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args

from pipelines.preparing.datasets import DATA_SETS, DataSet, DataSetName
from pipelines.preparing.labels import LabelFile, Labels, LabelScale
from schemas.training_example import SPLITS

SplitChoice = Literal["release", "random", "train", "validation", "test"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparingConfig:
    """One run.

    Attributes:
      dataset: A key of `DATA_SETS`.
      name: Name on the card.
      title: Full name on the card.
      licence: Terms on the card, in words.
      input: Folder of the release.
      output: Folder of the shards and the card.
      split: "release" takes the release's own split, or a random one where it has none;
        "random" draws one; the name of a split puts everything there.
      seed: Decides a random split.
      scale: What the scores of `csv` mean; other data sets have their own.
      examples_per_shard: Most examples of a shard, but for ImageNet, whose shards
        follow its files.
      is_published: Whether the output holds a card already: then nothing is written,
        and everything is compared.
    """

    dataset: DataSetName
    name: str
    title: str
    licence: str
    input: str
    output: str
    split: SplitChoice = "release"
    seed: int = 0
    scale: LabelScale | None = None
    examples_per_shard: int = 256
    is_published: bool = False

    def __post_init__(self):
        if self.split not in get_args(SplitChoice):
            raise ValueError(
                f"split must be one of {', '.join(get_args(SplitChoice))}, "
                f"got {self.split!r}"
            )
        if self.data_set.read_labels is None and self.split != "release":
            raise ValueError(
                f"{self.dataset} is prepared with its own split: leave --split out"
            )
        if self.scale is not None and self.dataset != "csv":
            raise ValueError(
                f"the scale of {self.dataset} is known: --scale is for csv only"
            )
        if self.examples_per_shard < 1:
            raise ValueError(
                f"examples_per_shard must be positive, got {self.examples_per_shard}"
            )

    @property
    def data_set(self) -> DataSet:
        """What is known of the data set."""
        return DATA_SETS[self.dataset]

    @property
    def required_splits(self) -> tuple[str, ...]:
        """Splits that must not be empty."""
        return (self.split,) if self.split in SPLITS else self.data_set.splits

    def read_labels(self, files: Sequence[LabelFile]) -> Labels:
        """Read the label files of the data set.

        Raises:
          ReleaseError: If they are not what they should be.
        """
        read = self.data_set.read_labels
        assert read is not None
        return read(*files, scale=self.scale) if self.dataset == "csv" else read(*files)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparingRequest:
    """What was asked of `musiq prepare`; each field is a flag.

    Attributes:
      dataset: Which data set it is.
      input: Name of the release's folder.
      output: Name of the shards' folder.
      split: Which images are for training, and which for tests.
      seed: Decides a random split.
      scale: Lowest and highest score that a csv allows.
      lower_is_better: Whether a csv's scores tell distortion.
      name: Name on the card; None means the data set's, or the folder's.
      licence: Terms on the card; None means those that are known.
      examples_per_shard: Most examples of a shard.
      workers: Local worker processes; None means one a core.
      json: Whether the counts are JSON.
    """

    dataset: DataSetName
    input: str
    output: str
    split: SplitChoice = PreparingConfig.split
    seed: int = PreparingConfig.seed
    scale: tuple[float, float] | None = None
    lower_is_better: bool = False
    name: str | None = None
    licence: str | None = None
    examples_per_shard: int = PreparingConfig.examples_per_shard
    workers: int | None = None
    json: bool = False

    def __post_init__(self):
        for name in ("examples_per_shard", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be positive, got {value}")
        if self.scale is None:
            if self.lower_is_better:
                raise ValueError("--lower_is_better needs --scale LOW HIGH")
        elif not self.scale[0] < self.scale[1]:
            low, high = self.scale
            raise ValueError(f"--scale must ascend, got {low:g} {high:g}")
