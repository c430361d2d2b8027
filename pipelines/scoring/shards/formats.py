"""The formats of files that hold images."""

from typing import Any

from pipelines.scoring.shards.parquet_shard import ParquetFormat
from pipelines.scoring.shards.part import Part
from pipelines.scoring.shards.shard import ShardFormat
from pipelines.scoring.shards.tar_shard import TarFormat
from pipelines.scoring.shards.tfrecord_shard import TFRecordFormat

FORMATS: tuple[ShardFormat[Any], ...] = (
    TarFormat(),
    TFRecordFormat(),
    ParquetFormat(),
)


def shard_format_of(name: str) -> ShardFormat[Any] | None:
    """Return which kind of shard a file's name or a pattern says, None for images."""
    return next((one for one in FORMATS if one.names.search(name)), None)


def format_of_part(part: Part) -> ShardFormat[Any]:
    """Return the format of the file that a part lies in."""
    return next(one for one in FORMATS if isinstance(part, one.part_type))
