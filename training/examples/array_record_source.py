"""The examples of a prepared data set on disk, read in any order."""

import dataclasses
import functools
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from array_record.python.array_record_module import ArrayRecordReader
from PIL import Image

from schemas.errors import UsageError
from schemas.training_dataset import (
    FILE_NAME,
    Shard,
    TrainingDataset,
    TrainingDatasetError,
)
from schemas.training_example import TrainingExample, TrainingExampleError

# One record at a time, wherever it lies: reading ahead would be in vain.
_READER_OPTIONS = "readahead_buffer_size:0,max_parallelism:0"
_READ_TOGETHER = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExampleFacts:
    """What is known of every example of a split without decoding its image.

    Attributes:
      names: Its name in the data set.
      groups: What must not be torn apart by a split.
      sizes: (height, width) of its image, in pixels.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


class Split:
    """The examples of one split, by their index. Threads may read at once.

    Attributes:
      dataset: The card of the data set.
      name: Name of the split.
      example_count: How many there are.
    """

    def __init__(self, folder: Path, dataset: TrainingDataset, name: str):
        self.dataset = dataset
        self.name = name
        self.example_count = dataset.example_count(name)
        self._shards = [
            _OpenShard(folder / shard.file, shard) for shard in dataset.shards[name]
        ]
        counts = [shard.examples for shard in dataset.shards[name]]
        self._starts = np.array([0, *itertools.accumulate(counts)])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the examples; the first use reads the whole split."""
        return self.facts.names

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of the examples; the first use reads the whole split."""
        return self.facts.groups

    @functools.cached_property
    def facts(self) -> ExampleFacts:
        """Facts of all examples.

        Raises:
          UsageError: If a record or an image's header is damaged.
        """
        found = [
            (example.name, example.group, self._size_of(example))
            for example in self._all_examples()
        ]
        names, groups, sizes = zip(*found, strict=True)
        return ExampleFacts(names=names, groups=groups, sizes=sizes)

    def read(self, index: int) -> TrainingExample:
        """Return one example.

        Raises:
          UsageError: If its record is damaged or no example.
        """
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._shards[shard].read(index - int(self._starts[shard]), 1)[0]

    def label(self, example: TrainingExample) -> np.ndarray:
        """Return an example's label, float32 [label_size]; a class becomes one-hot.

        Raises:
          UsageError: If it is not as the card says.
        """
        size, label = self.dataset.label_size, example.label
        if self.dataset.label_kind != "class":
            if len(label) != size:
                raise UsageError(
                    f"the label of {example.name!r} in {self.dataset.name} has "
                    f"{len(label)} numbers, its card says {size}"
                )
            return np.asarray(label, np.float32)
        if len(label) != 1 or label[0] not in range(size):
            raise UsageError(
                f"the label of {example.name!r} in {self.dataset.name} must be a class "
                f"from 0 to {size - 1}, got {', '.join(map(str, label))}"
            )
        return np.eye(size, dtype=np.float32)[int(label[0])]

    def _all_examples(self) -> Iterator[TrainingExample]:
        for shard in self._shards:
            for start in range(0, shard.count, _READ_TOGETHER):
                yield from shard.read(start, min(_READ_TOGETHER, shard.count - start))

    def _size_of(self, example: TrainingExample) -> tuple[int, int]:
        try:
            with Image.open(io.BytesIO(example.image)) as picture:
                return picture.height, picture.width
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise damaged_image(self, example.name) from error


class _OpenShard:
    """One ArrayRecord file."""

    def __init__(self, path: Path, shard: Shard):
        self._path = path
        self.count = shard.examples
        if not path.is_file():
            raise UsageError(
                f"{path} is missing; its card {FILE_NAME} names it: prepare the data "
                "set again"
            )
        try:
            self._reader = ArrayRecordReader(str(path), _READER_OPTIONS)
            found = self._reader.num_records() if self._reader.ok() else None
        except Exception as error:
            raise self._damaged() from error
        if found is None:
            raise self._damaged()
        if found != self.count:
            raise UsageError(
                f"{path} has {found} examples, its card {FILE_NAME} says {self.count}: "
                "prepare the data set again"
            )

    def read(self, start: int, count: int) -> list[TrainingExample]:
        try:
            records: Sequence[bytes] = self._reader.read(start, start + count)
        except Exception as error:
            raise self._damaged() from error
        examples = []
        for number, record in enumerate(records, start):
            try:
                examples.append(TrainingExample.from_bytes(record))
            except TrainingExampleError as error:
                raise UsageError(
                    f"{self._path}: record {number} is {error}; prepare the data set "
                    "again"
                ) from error
        return examples

    def _damaged(self) -> UsageError:
        return UsageError(
            f"{self._path} is damaged or no ArrayRecord file; prepare the data "
            "set again"
        )


def open_split(folder: str, split: str) -> Split:
    """Open a split of a data set that `musiq prepare` wrote.

    Args:
      folder: Local folder with the card `dataset.json` and the shards.
      split: Name of the split.

    Raises:
      UsageError: If there is no card or it is none, if the split does not exist or has
        no examples, or if a shard is missing, damaged or of another length.
    """
    path = Path(folder) / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder} is no prepared data set: it has no {FILE_NAME}; `musiq prepare` "
            "writes one"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    try:
        dataset = TrainingDataset.from_json(text)
    except TrainingDatasetError as error:
        raise UsageError(f"{path}: {error}") from error
    if not dataset.example_count(split):
        is_there = "is empty" if split in dataset.shards else "does not exist"
        others = ", ".join(n for n in dataset.shards if dataset.example_count(n))
        raise UsageError(
            f"the split {split!r} of {dataset.name} {is_there}; there is "
            f"{others or 'no example at all'}"
        )
    return Split(Path(folder), dataset, split)


def damaged_image(split: Split, name: str) -> UsageError:
    """Return the error for an image that cannot be decoded."""
    return UsageError(
        f"the image {name!r} in {split.dataset.name}, {split.name}, is damaged; "
        "prepare the data set again"
    )
