"""Failure budget: a run of which too much failed publishes nothing."""

import math
from collections import Counter
from collections.abc import Mapping

from pipelines.scoring.planning.lost_shards import LostShard
from pipelines.scoring.run import Run
from schemas.errors import MusiqError

_FEW_IMAGES = 100
_FEWEST_IMAGES = 20
_CHANCE = 0.05
_NAMED = 3


class FailureBudgetError(MusiqError):
    """Too many images failed for the rest to be trusted."""


def is_over_budget(tried: int, failed: int, max_failure_rate: float) -> bool:
    """Whether more images failed than `max_failure_rate` allows.

    Of 100 images or more, their rate decides. Fewer say less: of 20 to 99, so many must
    have failed that it would happen by chance once in twenty runs, or less often, if
    each image failed with the probability `max_failure_rate` (the exact binomial test);
    at 5 % these are 4 of 20, 5 of 30, 6 of 50. Fewer than 20 say nothing.
    """
    if tried < _FEWEST_IMAGES or failed <= max_failure_rate * tried:
        return False
    if tried >= _FEW_IMAGES:
        return True
    return _chance_of_as_many(tried, failed, max_failure_rate) <= _CHANCE


def require_within_budget(
    tried: int,
    failures: Mapping[str, int],
    run: Run,
    *,
    lost: Mapping[LostShard, int],
    is_scored: bool = True,
) -> None:
    """Refuse to publish a run in which too many images failed.

    Rows from the journal count too: running again must not publish what was refused.
    Images that failed already when the ledger was last published do not.

    Args:
      tried: Images of this run, and of the unfinished runs that it goes on with, that
        are new, changed, or were scored until now.
      failures: Failed images among them, by failure class; of each lost file of images
        one is the file's own row.
      run: The run.
      lost: Images lost with each lost file of images.
      is_scored: Whether there are rows to be kept.

    Raises:
      FailureBudgetError: With the rate and the commonest failures.
    """
    total = Counter(failures)
    for shard, images in lost.items():
        total[shard.failure.value] += images - 1
    tried += total.total() - sum(failures.values())
    failed, allowed = total.total(), run.limits.max_failure_rate
    if not is_over_budget(tried, failed, allowed):
        return
    kept = f"the rows are kept in {run.output}/runs/{run.id}"
    raise FailureBudgetError(
        f"{failed} of {tried} images failed ({in_words(total)}), more than "
        f"--max_failure_rate {allowed:g} allows, so nothing was "
        + (f"published; {kept}" if is_scored else "scored or published")
        + _lost_in_words(lost)
    )


def in_words(failures: Mapping[str, int]) -> str:
    """Return the commonest failures, and how many others there are."""
    commonest = Counter(failures).most_common(_NAMED)
    others = sum(failures.values()) - sum(count for _, count in commonest)
    told = [f"{count} {name}" for name, count in commonest]
    return ", ".join([*told, f"{others} others"] if others else told)


def _lost_in_words(lost: Mapping[LostShard, int]) -> str:
    if sum(lost.values()) == len(lost):
        return ""
    first = max(lost, key=lambda shard: lost[shard])
    told = f"; {sum(lost.values())} images are taken to be lost with "
    if len(lost) == 1:
        return f"{told}{first.uri} ({first.failure})"
    return (
        f"{told}{len(lost)} files of images, such as {lost[first]} with {first.uri} "
        f"({first.failure})"
    )


def _chance_of_as_many(tried: int, failed: int, rate: float) -> float:
    """Return the probability that `failed` of `tried` or more fail at a rate."""
    fewer = (
        math.comb(tried, count) * rate**count * (1 - rate) ** (tried - count)
        for count in range(failed)
    )
    return 1 - math.fsum(fewer)
