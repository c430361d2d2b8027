"""Plan: from a release to shards, each with its images and its split."""

import dataclasses
from collections.abc import Iterable, Sequence

from pipelines.preparing.config import PreparingConfig
from pipelines.preparing.image_sources import ImageFiles, ImageSource
from pipelines.preparing.imagenet_records import find_tfds_files, plan_tfds
from pipelines.preparing.imagenet_tars import plan_tars
from pipelines.preparing.labels import (
    LabelledImage,
    Labels,
    LabelScale,
    ReleaseError,
)
from pipelines.preparing.release import ImageFolder, Release
from pipelines.preparing.splits import draw_split, require_sound_rows
from schemas.training_example import SPLITS

SHARD_SUFFIX = ".array_record"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """One shard to write.

    Attributes:
      split: The split of all its images.
      number: Its place among the shards of the split.
      count: Shards of the split.
      source: Its images.
    """

    split: str
    number: int
    count: int
    source: ImageSource

    @property
    def file(self) -> str:
        """The shard's name."""
        return f"{self.split}-{self.number:05d}-of-{self.count:05d}{SHARD_SUFFIX}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlanFacts:
    """What the card needs to know of a plan.

    Attributes:
      shard_count: Shards of all splits.
      scale: What the labels mean.
      split_rule: How images came to their splits, in words.
      sources: SHA-256 of every label file, by name.
      missing: Names of labelled images without a file, in order.
    """

    shard_count: int
    scale: LabelScale
    split_rule: str
    sources: dict[str, str]
    missing: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is known before an image is opened.

    Attributes:
      shards: The shards, in order.
      facts: What the card needs to know.
    """

    shards: tuple[ShardPlan, ...]
    facts: PlanFacts


def plan_shards(config: PreparingConfig) -> Plan:
    """Read the labels, find the images and divide them into shards.

    The same release and settings give the same plan.

    Raises:
      ReleaseError: If the release cannot be prepared.
      StorageError: If it cannot be read.
    """
    release = Release(config.input)
    data_set = config.data_set
    if data_set.read_labels is None:
        return _plan_imagenet(release, config)
    files = [release.read_label_file(paths) for paths in data_set.label_files]
    labels = config.read_labels(files)
    rows, rule = _with_splits(labels, config)
    require_sound_rows(rows, config.required_splits)
    rows = [row for row in rows if row.split == "train" or not row.is_only_for_training]
    images = release.images(data_set.image_folders)
    found, missing = _find_images(rows, images, config)
    shards = tuple(_shards_of(found, config.examples_per_shard))
    facts = PlanFacts(
        shard_count=len(shards),
        scale=labels.scale,
        split_rule=rule,
        sources=release.sources,
        missing=tuple(missing),
    )
    return Plan(shards=shards, facts=facts)


def _plan_imagenet(release: Release, config: PreparingConfig) -> Plan:
    plan = plan_tfds if find_tfds_files(release) else plan_tars
    sources, classes = plan(release, config.examples_per_shard)
    shards = tuple(
        shard for split, parts in sources.items() for shard in _numbered(split, parts)
    )
    facts = PlanFacts(
        shard_count=len(shards),
        scale=LabelScale.classes(classes),
        split_rule="train and validation, as released",
        sources=release.sources,
    )
    return Plan(shards=shards, facts=facts)


def _with_splits(
    labels: Labels, config: PreparingConfig
) -> tuple[Sequence[LabelledImage], str]:
    """Return the rows with their splits, and the rule in words."""
    if not labels.rows:
        raise ReleaseError("the label files have no rows")
    if config.split in SPLITS:
        rows = [dataclasses.replace(row, split=config.split) for row in labels.rows]
        return rows, f"everything in {config.split}, as was asked"
    if config.split == "random" or labels.split_rule is None:
        return draw_split(labels.rows, config.seed)
    return labels.rows, labels.split_rule


def _find_images(
    rows: Iterable[LabelledImage], images: ImageFolder, config: PreparingConfig
) -> tuple[dict[str, list[tuple[LabelledImage, str]]], list[str]]:
    """Return the images of every split with their files, and the names of the others.

    Raises:
      ReleaseError: If a split that must not be empty has no file at all.
    """
    found: dict[str, list[tuple[LabelledImage, str]]] = {}
    missing = []
    for row in sorted(rows, key=lambda row: row.name):
        uri = images.find(row.name)
        if uri is None:
            missing.append(row.name)
        else:
            found.setdefault(row.split or "", []).append((row, uri))
    for split in config.required_splits:
        if split not in found:
            raise ReleaseError(
                f"{config.input} has none of the images of the split {split}, such as "
                f"{missing[0]!r}"
            )
    return found, missing


def _shards_of(
    found: dict[str, list[tuple[LabelledImage, str]]], examples_per_shard: int
) -> Iterable[ShardPlan]:
    for split in filter(found.get, SPLITS):
        images = found[split]
        starts = range(0, len(images), examples_per_shard)
        parts = [_image_files(images[s : s + examples_per_shard]) for s in starts]
        yield from _numbered(split, parts)


def _image_files(part: Sequence[tuple[LabelledImage, str]]) -> ImageFiles:
    rows, uris = zip(*part, strict=True)
    return ImageFiles(rows=rows, uris=uris)


def _numbered(split: str, sources: Sequence[ImageSource]) -> Iterable[ShardPlan]:
    for number, source in enumerate(sources):
        yield ShardPlan(split=split, number=number, count=len(sources), source=source)
