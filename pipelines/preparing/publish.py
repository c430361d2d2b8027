"""Publish: the card of the data set, written last, makes its shards a data set."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.preparing.config import PreparingConfig
from pipelines.preparing.labels import ReleaseError
from pipelines.preparing.plan import SHARD_SUFFIX, PlanFacts
from pipelines.preparing.write import ShardSummary
from pipelines.storage import join, storage_for
from schemas.errors import MusiqError
from schemas.training_dataset import (
    FILE_NAME,
    TrainingDataset,
    TrainingDatasetError,
)
from schemas.training_example import SPLITS

_NAMES_ON_CARD = 20
_CARD_MAX_BYTES = 2**26
_TEMPORARY = ".musiq-"


class LostShardsError(MusiqError):
    """Not every planned shard was written."""


def read_card(output: str) -> TrainingDataset | None:
    """Return the card of a data set, None if there is none yet.

    Raises:
      ReleaseError: If the folder holds other things.
      StorageError: If it cannot be read.
    """
    card = join(output, FILE_NAME)
    storage = storage_for(card)
    if storage.stat(card) is None:
        folder = output.rstrip("/") + "/"
        for found in storage.list(folder):
            name = found.uri[len(folder) :]
            if not name.endswith(SHARD_SUFFIX) and not name.startswith(_TEMPORARY):
                raise ReleaseError(
                    f"{output} is not empty: it holds {name!r}; name a new folder"
                )
        return None
    try:
        with storage.open_read(card) as file:
            return TrainingDataset.from_json(file.read(_CARD_MAX_BYTES).decode())
    except (TrainingDatasetError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{card}: {error}; name a new folder") from error


def card_of(
    facts: PlanFacts, summaries: Iterable[ShardSummary], config: PreparingConfig
) -> TrainingDataset:
    """Return the card of a data set.

    Args:
      facts: What was known before.
      summaries: Its shards, in any order.
      config: The run.
    """
    ordered = sorted(summaries, key=lambda summary: summary.shard.file)
    unreadable = [one for summary in ordered for one in summary.unreadable]
    return TrainingDataset(
        name=config.name,
        title=config.title,
        licence=config.licence,
        label_kind=facts.scale.kind,
        label_size=facts.scale.size,
        label_low=facts.scale.low,
        label_high=facts.scale.high,
        higher_is_better=facts.scale.higher_is_better,
        shards={
            split: shards
            for split in SPLITS
            if (shards := tuple(_shards(ordered, split)))
        },
        missing=_left_out(facts.missing),
        unreadable=_left_out([name for name, _ in unreadable])
        | {"failures": dict(sorted(Counter(why for _, why in unreadable).items()))},
        sources=facts.sources,
        split_rule=facts.split_rule,
    )


def require_same(published: TrainingDataset, card: TrainingDataset) -> None:
    """Refuse to prepare another data set where one stands already.

    Raises:
      ReleaseError: Naming what differs.
    """
    for field in dataclasses.fields(TrainingDataset):
        if getattr(published, field.name) != getattr(card, field.name):
            raise ReleaseError(
                f"the output holds the data set {published.name} already, which "
                f"differs in {field.name}; nothing was changed. Name a new folder"
            )


def publish(
    facts: PlanFacts, summaries: Sequence[ShardSummary], config: PreparingConfig
) -> TrainingDataset:
    """Write the card, unless the same one is there already.

    Raises:
      LostShardsError: If the engine lost shards on their way.
      ReleaseError: If a split came out empty, or another data set stands there.
      StorageError: If the card cannot be written.
    """
    if len(summaries) != facts.shard_count:
        raise LostShardsError(
            f"{facts.shard_count} shards were planned, but {len(summaries)} were "
            "written; nothing was published. Run again"
        )
    card = card_of(facts, summaries, config)
    for split in config.required_splits:
        if not card.example_count(split):
            raise ReleaseError(f"no image of the split {split} can be read")
    uri = join(config.output, FILE_NAME)
    storage = storage_for(uri)
    if not config.is_published:
        _delete_other_shards(card, config.output)
        if storage.write_if_absent(uri, card.to_json().encode()):
            return card
    published = read_card(config.output)
    if published is None:
        raise ReleaseError(f"{uri} was removed while this run compared it; run again")
    require_same(published, card)
    return card


def _shards(summaries: Iterable[ShardSummary], split: str):
    """Yield the shards of a split that have examples, in order."""
    for summary in summaries:
        if summary.split == split and summary.shard.examples:
            yield summary.shard


def _left_out(names: Sequence[str]) -> dict[str, Any]:
    return {"count": len(names), "names": list(names[:_NAMES_ON_CARD])}


def _delete_other_shards(card: TrainingDataset, output: str) -> None:
    """Delete what an interrupted run has left."""
    kept = {shard.file for shards in card.shards.values() for shard in shards}
    folder = output.rstrip("/") + "/"
    storage = storage_for(folder)
    for found in list(storage.list(folder)):
        name = found.uri[len(folder) :]
        if name.endswith(SHARD_SUFFIX) and name not in kept:
            storage.delete(found.uri)
