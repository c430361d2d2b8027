"""Lost shards: files of images that could not be read, and what they held."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping

from pipelines.scoring.planning.plan import PlanCounts
from schemas.failures import Failure


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LostShard:
    """A file of images that could not be read, or not to its end.

    Attributes:
      uri: The file, and the row that stands for what is lost.
      source: Number of the input that names it.
      failure: Why.
      images: Images that were found before the damage.
      holds: Images that the file says it holds; None if it does not say.
    """

    uri: str
    source: int
    failure: Failure
    images: int
    holds: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShardTally:
    """The files of images of a run.

    Attributes:
      whole: Files that were listed to their end, by the number of their input.
      images: Images in them, likewise.
      lost: The others.
    """

    whole: Mapping[int, int] = dataclasses.field(default_factory=dict)
    images: Mapping[int, int] = dataclasses.field(default_factory=dict)
    lost: tuple[LostShard, ...] = ()


def add_tallies(tallies: Iterable[ShardTally]) -> ShardTally:
    """Return several tallies together."""
    whole: Counter[int] = Counter()
    images: Counter[int] = Counter()
    lost: dict[str, LostShard] = {}
    for one in tallies:
        whole.update(one.whole)
        images.update(one.images)
        lost |= {shard.uri: shard for shard in one.lost}
    return ShardTally(whole=dict(whole), images=dict(images), lost=tuple(lost.values()))


def lost_images(tally: ShardTally, planned: PlanCounts) -> dict[LostShard, int]:
    """Return how many images were lost with each file that was not lost before.

    What is known counts: the ledger's rows of the file whose images are no longer
    named, or the number that the file itself gives. Of a file that is new and says
    nothing, as many are taken to be lost as the others of its input hold in the mean.
    One, at least, is.
    """
    return {
        shard: max(1, _lost_with(shard, tally, planned))
        for shard in tally.lost
        if shard.uri not in planned.failed_before
    }


def _lost_with(shard: LostShard, tally: ShardTally, planned: PlanCounts) -> int:
    if shard.uri in planned.held:
        return planned.vanished_from.get(shard.uri, 0)
    if shard.holds is not None:
        return shard.holds - shard.images
    whole = tally.whole.get(shard.source, 0)
    mean = tally.images.get(shard.source, 0) / whole if whole else 0
    return round(mean) - shard.images
