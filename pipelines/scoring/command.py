"""`musiq score`: from arguments to a run, and from what it published to a summary."""

import contextlib
import dataclasses
import functools
import json
import os
import sys
import tempfile
import time
from typing import Any

from pipelines.engines.beam_options import asked_options, parse_beam_options
from pipelines.engines.engine import Engine
from pipelines.engines.job import Endings, Job, JobFailure, Outcome, Recovery
from pipelines.ledger.states import is_published, read_state
from pipelines.progress import show_progress
from pipelines.scoring.config import Device, ScoringConfig, Vanished
from pipelines.scoring.configure import job_facts, start_run
from pipelines.scoring.device import require_device, use_device
from pipelines.scoring.flow import score_photos
from pipelines.scoring.input import InputError
from pipelines.scoring.monitoring.progress import WORDING, clear_progress, read_progress
from pipelines.scoring.monitoring.report import (
    failure_report,
    log_report,
    submission_report,
)
from pipelines.scoring.monitoring.summary import RunSummary, print_summary
from pipelines.scoring.planning.check_plan import (
    VanishedError,
    has_shrunk,
    share_in_words,
)
from pipelines.scoring.planning.failure_budget import FailureBudgetError
from pipelines.scoring.planning.limits import remembered_flags
from pipelines.scoring.run import Run
from pipelines.scoring.slices.refs_at_once import (
    IMAGES_PER_SLICE,
    REFS_AT_ONCE,
    RefsAtOnce,
    TooManyRefsError,
)
from pipelines.scoring.slices.stages import slice_stages
from pipelines.scoring.writing.journal import drop_published_journal
from schemas.errors import MusiqError, UsageError
from schemas.manifest import CountsError
from schemas.programs.program import EngineArguments
from schemas.text import printable

_ENDINGS = Endings(
    interrupted="interrupted; nothing was published. Finished rows are kept: run again "
    "to go on",
    worker_died="worker processes keep dying, perhaps for want of memory; nothing was "
    "published. Finished rows are kept: run again, with fewer --workers",
    exit_codes={FailureBudgetError: 3, VanishedError: 3, InputError: 2},
    unsaid=(TooManyRefsError,),
)


def run(config: ScoringConfig, engine: EngineArguments) -> int:
    """Score the inputs and return the exit code."""
    try:
        report = _score(config, engine)
    except (MusiqError, KeyboardInterrupt) as error:
        refused = isinstance(error, MusiqError)
        failure = failure_report(
            kind=type(error).__name__,
            line=str(error) if refused else "interrupted",
            exit_code=2 if refused else 1,
            ledger=config.output,
        )
        _tell_machines(failure, config)
        raise
    _tell_machines(report, config)
    return report["exit_code"]


def _tell_machines(report: dict[str, Any], config: ScoringConfig) -> None:
    log_report(report)
    if config.json:
        print(json.dumps(report))


def _score(config: ScoringConfig, engine: EngineArguments) -> dict[str, Any]:
    """Score the inputs, tell people of it, and return what machines are told."""
    options = parse_beam_options(engine)
    job = Job("musiq score", options, job_facts(config), is_quiet=config.quiet)
    job.check()
    if job.engine.is_on_this_machine:
        _set_up_device(config.device, config.workers)
    with contextlib.ExitStack() as stack:
        folder = progress_folder = None
        if job.engine.is_on_this_machine:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="musiq-"))
            progress_folder = os.path.join(folder, "progress")
            os.mkdir(progress_folder)
        run = start_run(
            config, engine=asked_options(engine), progress_folder=progress_folder
        )
        job.label_models({m.name: m.digest for m in run.ledger_models})
        _tell_what_may_surprise(config, run)
        started = time.monotonic()
        if folder and job.engine is Engine.EMBEDDED:
            outcome = _run_here(job, run, folder)
        else:
            outcome = _run_whole(job, run)
    if outcome.failure:
        return _failed(outcome.failure, run)
    if not outcome.is_done:
        return submission_report(ledger=run.output, run_id=run.id)
    try:
        manifest = read_state(run.output, run.version).manifest
    except MusiqError as error:
        return _failed(job.tell(error, _ENDINGS), run)
    summary = RunSummary.of(
        run,
        manifest,
        seconds=time.monotonic() - started,
        counters=outcome.counters,
    )
    if not (config.json or config.quiet):
        print_summary(summary)
    counts = manifest.counts
    if has_shrunk(counts.vanished, run):
        _say(
            f"the input no longer names {share_in_words(counts.vanished, run)}; their "
            "rows are kept, marked as vanished",
            config,
        )
    return summary.to_dict()


def _run_whole(job: Job, run: Run) -> Outcome:
    """Run the job as one graph."""
    return job.run(
        functools.partial(score_photos, run=run),
        _ENDINGS,
        recovery=_recovery(run),
        workers=run.asked.workers,
        display=_display(run),
    )


def _run_here(job: Job, run: Run, folder: str) -> Outcome:
    """Run the job on this machine, whose memory holds one graph of a million images.

    Args:
      job: The job.
      run: The run.
      folder: Folder of the local disk for what is planned, if they are more.
    """
    limit = RefsAtOnce(most=REFS_AT_ONCE, file=os.path.join(folder, "listed"))
    if not (run.previous and run.previous.rows > limit.most):
        outcome = _run_whole(job, dataclasses.replace(run, refs_at_once=limit))
        if not outcome.unsaid:
            return outcome
    _say(f"more than {limit.most:,} images, so the job goes on in slices", run.asked)
    slices = os.path.join(folder, "slices")
    os.mkdir(slices)
    return job.run_stages(
        slice_stages(
            run,
            slices,
            images_per_slice=IMAGES_PER_SLICE,
            publication=_recovery(run),
        ),
        _ENDINGS,
        workers=run.asked.workers,
        display=_display(run),
    )


def _display(run: Run) -> contextlib.AbstractContextManager[None] | None:
    """Return what shows how far a run on this machine is."""
    if run.asked.quiet or not run.progress_folder:
        return None
    return show_progress(functools.partial(read_progress, run.progress_folder), WORDING)


def _failed(failure: JobFailure, run: Run) -> dict[str, Any]:
    told = dataclasses.asdict(failure)
    return failure_report(**told, ledger=run.output, run_id=run.id)


def _set_up_device(device: Device, workers: int | None) -> None:
    """Make this process and its workers compute on a device of this machine."""
    use_device(device)
    if not device.is_accelerator:
        return
    if workers not in (None, 1):
        raise UsageError(
            f"--device {device} is fed by one process: leave --workers out"
        )
    require_device(device)


def _recovery(run: Run) -> Recovery:
    """Let a run go on from its journal, in which planning finds the finished rows."""

    def make_ready() -> bool:
        """Forget live counts; of a published run only the journal is left to drop.

        Published files must not be written again.
        """
        if is_published(run.output, run.version, run.id):
            drop_published_journal(run)
            return False
        if run.progress_folder:
            clear_progress(run.progress_folder)
        if run.refs_at_once:
            run.refs_at_once.start_anew()
        return True

    return Recovery(
        source="its journal", lost_data=(CountsError,), make_ready=make_ready
    )


def _tell_what_may_surprise(config: ScoringConfig, run: Run) -> None:
    """Say what holds although nobody asked for it, and what does not although one did.

    That is: the built-in model scores, limits are those of the ledger's last run, and
    vanished rows cannot be marked.
    """
    if not run.asked.model:
        _say(
            "no --model given, so the built-in one scores; `musiq models inspect "
            "builtin` tells what it is good for",
            config,
        )
    if flags := remembered_flags(config, run.asked):
        _say(
            f"as in the ledger's last run: {', '.join(flags)}; give it anew to change",
            config,
        )
    is_marking = run.limits.vanished is Vanished.MARK
    if is_marking and run.previous and not run.previous.is_reusable:
        _say(
            "everything is scored again (--rescore, or other models or settings), so "
            "rows of vanished inputs cannot be marked: they are dropped; older states "
            "keep them",
            config,
        )


def _say(line: str, config: ScoringConfig) -> None:
    if not config.quiet:
        print(f"musiq score: {printable(line)}", file=sys.stderr)
