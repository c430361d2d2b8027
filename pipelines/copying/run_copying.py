"""Run a copy: from the rows that were selected to a job, and to what became of them."""

import functools
import sys
from collections.abc import Iterable

import pyarrow as pa

from pipelines.copying.config import CopyingConfig
from pipelines.copying.finish import LostPhotosError, read_summary
from pipelines.copying.flow import copy_photos
from pipelines.copying.planning.plan import CopyPlan, plan_copy
from pipelines.copying.planning.targets import folder_of_plan, require_usable
from pipelines.copying.progress import WORDING, unit_counter
from pipelines.copying.report import CopyCounts
from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.engine import JobFacts
from pipelines.engines.job import Endings, Job, Recovery
from pipelines.progress import show_progress
from schemas.programs.program import EngineArguments
from schemas.text import printable

_ENDINGS = Endings(
    interrupted="interrupted; what was copied stays: run again to copy the rest",
    worker_died="worker processes keep dying, perhaps for want of memory; what was "
    "copied stays: run again to copy the rest, with fewer --workers",
)
_TOO_MANY_FAILED = 3


def copying_job(
    program: str,
    config: CopyingConfig,
    engine: EngineArguments,
    *,
    sources: Iterable[str] = (),
    is_quiet: bool = False,
) -> Job:
    """Return the job of a copy, checked as far as it can be before rows are known.

    Args:
      program: For messages, such as "musiq select".
      config: The copy.
      engine: What the command line says to the engine.
      sources: Folders that photos come from.
      is_quiet: Whether nothing is said but why it failed.

    Raises:
      UsageError: If the engine could not run it, or the target cannot be used.
      StorageError: If the store does not answer.
    """
    facts = JobFacts(
        pipeline="musiq-copy",
        output=config.target,
        uris=(config.target, *sources),
    )
    job = Job(program, parse_beam_options(engine), facts, is_quiet=is_quiet)
    job.check()
    require_usable(config)
    return job


def run_copying(
    job: Job,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    config: CopyingConfig,
    *,
    sources: Iterable[str] = (),
    workers: int | None = None,
) -> tuple[int, CopyCounts | None]:
    """Copy the photos of rows; running again copies what is missing.

    Args:
      job: What `copying_job` returned.
      batches: The rows, which need the columns `kept_list.NEEDED`.
      schema: Their columns.
      config: The copy.
      sources: Folders that photos come from, besides those that rows name.
      workers: Processes of the embedded engine; by default one a CPU core.

    Returns:
      The exit code: 0, 1 if the job failed, 3 if more photos failed than are allowed
      to. And the counts; None if the job failed, or still runs elsewhere.

    Raises:
      UsageError: If rows or target cannot be used.
      StorageError: If a store fails before the job.
    """
    plan = plan_copy(batches, schema, config, sources=sources)
    if not plan.photos:
        return 0, CopyCounts()
    display = None
    if job.engine.is_on_this_machine and not job.is_quiet:
        display = show_progress(unit_counter(plan, config), WORDING)
    outcome = job.run(
        functools.partial(copy_photos, plan=plan, config=config),
        _ENDINGS,
        recovery=Recovery(
            source="what was copied",
            lost_data=(LostPhotosError,),
            make_ready=lambda: True,
        ),
        workers=workers,
        display=display,
    )
    if not outcome.is_done:
        return outcome.exit_code, None
    counts = read_summary(plan, config)
    return exit_code_of(job.program, counts, plan, config), counts


def exit_code_of(
    program: str, counts: CopyCounts, plan: CopyPlan, config: CopyingConfig
) -> int:
    """Return 0, or 3 after saying so if more photos failed than are allowed to."""
    if counts.failed <= config.max_failure_rate * counts.kept:
        return 0
    why = ", ".join(f"{count:,} {reason}" for reason, count in counts.reasons.items())
    report = folder_of_plan(config.target, plan.id, "report")
    print(
        f"{program}: error: {counts.failed:,} of {counts.kept:,} photos were not "
        f"copied ({why}); {printable(report)} says which and why",
        file=sys.stderr,
    )
    return _TOO_MANY_FAILED
