"""Publish: check that every input has its row, then commit, last."""

import datetime
import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pipelines.ledger.states import publish_state
from pipelines.scoring.asked import asked_of
from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.listing import ListingCounts, require_whole_listing
from pipelines.scoring.monitoring.lineage import tell_sink
from pipelines.scoring.monitoring.report import commit_report, log_report
from pipelines.scoring.planning.failure_budget import require_within_budget
from pipelines.scoring.planning.lost_shards import ShardTally, lost_images
from pipelines.scoring.planning.plan import PlanCounts
from pipelines.scoring.run import Run
from pipelines.scoring.writing.journal import drop_published_journal
from pipelines.scoring.writing.score_quantiles import score_quantiles
from pipelines.scoring.writing.shard_summary import ShardSummary
from pipelines.scoring.writing.write import shard_count_for
from schemas.ledger import ledger_schema
from schemas.manifest import Counts, CountsError, Manifest

_VERSIONED_PACKAGES = (
    "musiq",
    "apache-beam",
    "jax",
    "jaxlib",
    "numpy",
    "pillow",
    "pyarrow",
    "simplejpeg",
)


def require_marked_rows(planned: PlanCounts, vanished: int, run: Run) -> None:
    """Refuse to publish if vanished rows of the ledger got lost instead of marked.

    Args:
      planned: What planning met.
      vanished: Marked rows that were written.
      run: The run.

    Raises:
      CountsError: If not all rows that were to be marked were.
    """
    marked = planned.vanished if run.marks_vanished else 0
    if vanished != marked:
        raise CountsError(
            "the counts do not add up, so nothing was published: "
            f"{vanished} of {marked} rows were marked as vanished"
        )


def publish_run(
    summaries: Sequence[ShardSummary],
    *,
    listing: ListingCounts,
    planned: PlanCounts,
    shards: ShardTally,
    columns: CarriedColumns,
    rows: int,
    run: Run,
) -> Manifest:
    """Make a run's shards the newest state of the ledger.

    Args:
      summaries: All shards of the run.
      listing: What the listing met, counted there and then.
      planned: What planning met.
      shards: The files of images that were listed.
      columns: The carried columns.
      rows: Rows that planning foresaw: distinct inputs and marked vanished ones.
      run: The run.

    Returns:
      What was published.

    Raises:
      CountsError: If the counts do not add up; nothing is published then.
      FailureBudgetError: If too many of the run's images failed; likewise.
      LedgerFolderError: If another run has published meanwhile.
    """
    vanished = sum(summary.vanished for summary in summaries)
    require_whole_listing(listing, run)
    require_marked_rows(planned, vanished, run)
    require_within_budget(
        sum(summary.unpublished for summary in summaries),
        _total(summary.unpublished_failures for summary in summaries),
        run,
        lost=lost_images(shards, planned),
    )
    counts = Counts(
        named=listing.named,
        duplicates=planned.repeats,
        listed=rows - vanished,
        scored=sum(summary.scored for summary in summaries),
        failed=_total(summary.new_failures for summary in summaries).total(),
        carried_over=sum(summary.kept for summary in summaries),
        vanished=vanished,
        dropped=planned.vanished - vanished,
        left_out=sum(one.count for one in listing.left_out),
    )
    manifest = _manifest_of(run, counts, summaries, listing, columns, rows)
    publish_state(
        run.output,
        run.version,
        manifest,
        schema=ledger_schema(
            columns.fields, run.ledger_models, is_measured=run.is_measured
        ),
        stats={summary.file.path: summary.stats for summary in summaries},
    )
    tell_sink(run.output)
    taken = datetime.datetime.now(datetime.UTC) - run.started_at
    log_report(
        commit_report(
            manifest,
            ledger=run.output,
            version=run.version,
            seconds=taken.total_seconds(),
        )
    )
    drop_published_journal(run)
    return manifest


def _manifest_of(
    run: Run,
    counts: Counts,
    summaries: Sequence[ShardSummary],
    listing: ListingCounts,
    columns: CarriedColumns,
    rows: int,
) -> Manifest:
    return Manifest(
        run_id=run.id,
        created_at=run.started_at.isoformat(),
        counts=counts,
        failures=dict(_total(summary.failures for summary in summaries)),
        shard_count=shard_count_for(rows, run.asked.rows_per_shard),
        files=tuple(sorted((s.file for s in summaries), key=lambda file: file.path)),
        models={
            model.columns.name: {
                "digest": model.columns.digest,
                "uri": model.uri,
                "score_range": list(model.card.score_range),
                "higher_is_better": model.card.higher_is_better,
            }
            for model in run.models
        },
        settings=run.score_settings(),
        asked=asked_of(run),
        left_out=listing.left_out,
        unmatched=_unmatched(run, listing),
        renamed=columns.renamed,
        not_carried=columns.left_out,
        versions={p: importlib.metadata.version(p) for p in _VERSIONED_PACKAGES},
        score_quantiles={
            model.columns.name: score_quantiles(
                [summary.samples[model.columns.name] for summary in summaries]
            )
            for model in run.models
        },
    )


def _unmatched(run: Run, listing: ListingCounts) -> tuple[str, ...]:
    """Return the patterns that matched nothing, if everything was listed."""
    if run.asked.choice.limit:
        return ()
    return tuple(sorted(run.asked.choice.patterns - listing.met))


def _total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total
