"""Write: a shard's images become one ArrayRecord file, moved to its place in whole."""

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
from apache_beam.metrics.metric import Metrics

from pipelines.preparing.config import PreparingConfig
from pipelines.preparing.image_sources import FoundImage
from pipelines.preparing.labels import ReleaseError
from pipelines.preparing.plan import ShardPlan
from pipelines.preparing.stored_image import stored_image
from pipelines.storage import join, storage_for
from schemas.failures import Failure, ImageFailure
from schemas.training_dataset import Shard
from schemas.training_example import TrainingExample

# One record can be read without those beside it; images are compressed already.
_OPTIONS = "group_size:1,uncompressed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardSummary:
    """What the card needs to know of one written shard.

    Attributes:
      split: Its split.
      shard: The file; without examples there is none.
      unreadable: Name and failure class of every image that could not be decoded.
    """

    split: str
    shard: Shard
    unreadable: tuple[tuple[str, str], ...]


def write_shard(plan: ShardPlan, config: PreparingConfig) -> ShardSummary:
    """Write one shard; the same images give the same file, so a retry changes nothing.

    Args:
      plan: The shard.
      config: The run.

    Raises:
      StorageError: If images cannot be read, or the file cannot be written whole.
      ReleaseError: If the images are not what they should be.
    """
    from array_record.python.array_record_module import ArrayRecordWriter

    names: set[str] = set()
    unreadable = []
    with tempfile.TemporaryDirectory(prefix="musiq-") as folder:
        path = Path(folder) / plan.file
        writer = ArrayRecordWriter(str(path), _OPTIONS)
        for found in plan.source.images():
            if found.row.name in names:
                raise ReleaseError(f"{found.row.name!r} comes twice in {plan.split}")
            names.add(found.row.name)
            example = _example(found, config)
            if isinstance(example, Failure):
                unreadable.append((found.row.name, example.value))
            else:
                writer.write(example.to_bytes())
        writer.close()
        data = path.read_bytes()
    examples = len(names) - len(unreadable)
    if examples and not config.is_published:
        uri = join(config.output, plan.file)
        storage_for(uri).write(uri, data)
    Metrics.counter("musiq", "examples").inc(examples)
    return ShardSummary(
        split=plan.split,
        shard=Shard(
            file=plan.file, examples=examples, sha256=hashlib.sha256(data).hexdigest()
        ),
        unreadable=tuple(unreadable),
    )


def _example(found: FoundImage, config: PreparingConfig) -> TrainingExample | Failure:
    """Return the example of an image, or why there is none."""
    if isinstance(found.data, Failure):
        return found.data
    try:
        image = stored_image(found.data, shorter_side=config.data_set.shorter_side)
    except ImageFailure as failure:
        return failure.failure
    row = found.row
    return TrainingExample(
        image=image,
        name=row.name,
        split=row.split or "",
        label=row.label,
        group=row.group,
    )


class WriteShard(beam.DoFn):
    """`write_shard` for every shard."""

    def __init__(self, config: PreparingConfig):
        self._config = config

    def process(self, element: ShardPlan) -> Iterator[ShardSummary]:
        """Emit the summary of the written shard."""
        yield write_shard(element, self._config)
