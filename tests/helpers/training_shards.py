"""Prepared data sets in a folder, written from images and labels."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter
from helpers.make_images import encoded, noise

from schemas.training_dataset import FILE_NAME, Shard, TrainingDataset
from schemas.training_example import TrainingExample

EMPTY_CARD = TrainingDataset(
    name="rated",
    title="Rated noise",
    licence="CC0",
    label_kind="score",
    label_size=1,
    label_low=0,
    label_high=100,
    higher_is_better=True,
    shards={},
    missing={"count": 0, "examples": []},
    unreadable={"count": 0, "examples": []},
    sources={},
    split_rule="by hand",
)


def examples_of(
    images: Sequence[bytes], labels: Sequence[Sequence[float]], split: str = "train"
) -> list[TrainingExample]:
    return [
        TrainingExample(
            image=image,
            name=f"{number:04d}",
            split=split,
            label=tuple(label),
            group=f"{number:04d}",
        )
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


def noise_examples(
    count: int, split: str = "train", sides: tuple[int, int] = (20, 90)
) -> list[TrainingExample]:
    """PNGs of noise of many sizes, with their number as label."""
    low, high = sides
    sizes = np.random.default_rng(count).integers(low, high, (count, 2), endpoint=True)
    images = [
        encoded(noise(int(height), int(width), number))
        for number, (height, width) in enumerate(sizes)
    ]
    return examples_of(images, [[float(number)] for number in range(count)], split)


def write_shards(
    folder: Path,
    examples: Sequence[TrainingExample],
    *,
    shard_count: int = 2,
    **card,
) -> TrainingDataset:
    """Write the shards of all splits and the card with changes `card`; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    shards: dict[str, tuple[Shard, ...]] = {}
    for split in dict.fromkeys(example.split for example in examples):
        records = [e.to_bytes() for e in examples if e.split == split]
        parts = np.array_split(np.arange(len(records)), shard_count)
        shards[split] = tuple(
            _write_shard(
                folder / f"{split}-{n}.array_record", [records[i] for i in part]
            )
            for n, part in enumerate(parts)
        )
    dataset = dataclasses.replace(EMPTY_CARD, shards=shards, **card)
    (folder / FILE_NAME).write_text(dataset.to_json())
    return dataset


def _write_shard(path: Path, records: list[bytes]) -> Shard:
    writer = ArrayRecordWriter(str(path), "group_size:1")
    for record in records:
        writer.write(record)
    writer.close()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Shard(file=path.name, examples=len(records), sha256=digest)
