"""Check: nothing got lost in planning, and the ledger would not shrink."""

from pipelines.scoring.listing import ListingCounts, require_whole_listing
from pipelines.scoring.planning.failure_budget import require_within_budget
from pipelines.scoring.planning.lost_shards import ShardTally, lost_images
from pipelines.scoring.planning.plan import PlanCounts
from pipelines.scoring.run import Run
from schemas.errors import MusiqError
from schemas.manifest import CountsError

_FEWEST_PHOTOS = 20


class VanishedError(MusiqError):
    """The input names too few of the ledger's photos for that to be meant."""


def check_plan(
    run: Run, listing: ListingCounts, planned: PlanCounts, shards: ShardTally
) -> bool:
    """Refuse to score what could not be published.

    Args:
      run: The run.
      listing: What the listing met, counted there and then.
      planned: What planning met.
      shards: The files of images among it.

    Returns:
      True.

    Raises:
      CountsError: If inputs or rows of the ledger got lost on their way to planning.
      VanishedError: If too many photos of the ledger are no longer named.
      FailureBudgetError: If more is lost with files of images than may fail.
    """
    require_whole_listing(listing, run)
    require_whole_plan(listing, planned, run)
    lost = lost_images(shards, planned)
    failures = {shard.failure.value: 0 for shard in lost}
    for shard in lost:
        failures[shard.failure.value] += 1
    require_within_budget(planned.untried, failures, run, lost=lost, is_scored=False)
    require_few_vanished(planned, run)
    return True


def require_whole_plan(listing: ListingCounts, planned: PlanCounts, run: Run) -> None:
    """Refuse to go on if images, or rows of the ledger, got lost instead of planned.

    Raises:
      CountsError: If that is so.
    """
    met = planned.named + planned.repeats
    previous = run.previous
    published = previous.rows if previous and previous.is_reusable else None
    if met != listing.refs or published not in (None, planned.published):
        told = f"{met} of {listing.refs} images"
        if published is not None:
            told += f" and {planned.published} of the ledger's {published} rows"
        raise CountsError(
            "the counts do not add up, so nothing was published: planning met " + told
        )


def require_few_vanished(planned: PlanCounts, run: Run) -> None:
    """Refuse to go on if the ledger would lose too large a share of its photos.

    Rows that were vanished before do not count.

    Raises:
      VanishedError: If that is so.
    """
    if run.marks_vanished or not has_shrunk(planned.vanished, run):
        return
    raise VanishedError(
        f"the input no longer names {share_in_words(planned.vanished, run)}, such as "
        f"{' and '.join(planned.examples)}, more than --max_vanished_rate "
        f"{run.limits.max_vanished_rate:g} allows, so nothing was scored or published: "
        "is a share mounted in part, or is this another --input for the same --output? "
        "If they are meant to go, run again with --max_vanished_rate 1"
    )


def has_shrunk(vanished: int, run: Run) -> bool:
    """Whether more photos of the ledger have vanished than may.

    Args:
      vanished: Rows of the ledger whose photos are no longer named.
      run: The run.
    """
    if not run.previous:
        return False
    allowed = run.limits.max_vanished_rate * run.previous.named
    is_large = run.previous.named >= _FEWEST_PHOTOS
    return is_large and vanished - run.previous.vanished > allowed


def share_in_words(vanished: int, run: Run) -> str:
    """Return how many photos, of how many, have vanished since the last run."""
    assert run.previous
    return (
        f"{vanished - run.previous.vanished} of the {run.previous.named} photos of "
        f"{run.output}"
    )
