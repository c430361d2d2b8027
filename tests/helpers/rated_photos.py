"""A prepared data set of generated photos, small enough to evaluate in seconds."""

from pathlib import Path

import numpy as np
from helpers.make_images import encoded, noise
from helpers.training_shards import write_shards

from schemas.training_dataset import TrainingDataset
from schemas.training_example import TrainingExample


def photos(count: int) -> list[bytes]:
    """PNGs of many shapes, square and not."""
    return [
        encoded(noise(40 + index * 17 % 90, 40 + index * 29 % 120, index))
        for index in range(count)
    ]


def write_rated_photos(
    folder: Path,
    *,
    train: int = 8,
    test: int = 23,
    ratings: int = 1,
    per_group: int = 1,
    shard_count: int = 3,
    seed: int = 0,
) -> TrainingDataset:
    """Write photos with random labels: scores in 0..100, or shares of ratings."""
    random = np.random.default_rng(seed)
    examples = []
    for index, image in enumerate(photos(train + test)):
        label = random.uniform(0, 100, 1)
        if ratings > 1:
            label = random.dirichlet(np.ones(ratings))
        examples.append(
            TrainingExample(
                image=image,
                name=f"{index:04}.png",
                split="train" if index < train else "test",
                label=tuple(label.tolist()),
                group=f"group {index // per_group}",
            )
        )
    scale = {}
    if ratings > 1:
        scale = {"label_kind": "distribution", "label_size": ratings}
        scale |= {"label_low": 1, "label_high": ratings}
    return write_shards(
        folder,
        examples,
        shard_count=shard_count,
        title="Generated photos",
        split_rule="by position",
        **scale,
    )
