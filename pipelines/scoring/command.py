"""`musiq score`: from arguments to a run, and from its manifest to a summary."""

import contextlib
import json
import os
import sys
import tempfile
import time
import traceback

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from musiq_core.model_files.model_file import ModelFileError
from pipelines.engines.beam_options import asked_options, parse_beam_options
from pipelines.engines.causes import one_line_cause, refusal
from pipelines.engines.embedded.runner import is_worker_death, limit_to_one_thread
from pipelines.engines.engine import engine_of
from pipelines.engines.follow import follow_job
from pipelines.engines.require_engine import label_models, require_engine
from pipelines.engines.runners import make_runner
from pipelines.ledger.folder import LedgerFolderError, read_manifest
from pipelines.scoring.arguments import SCORE
from pipelines.scoring.config import Device, ScoringConfig, Vanished
from pipelines.scoring.configure import job_facts, start_run
from pipelines.scoring.device import DeviceError, require_device, use_device
from pipelines.scoring.flow import score_photos
from pipelines.scoring.input import InputError
from pipelines.scoring.journal import drop_journal
from pipelines.scoring.progress import clear_progress
from pipelines.scoring.publish import FailureBudgetError, is_published
from pipelines.scoring.run import Run
from pipelines.scoring.show_progress import show_progress
from pipelines.scoring.summary import RunSummary, print_summary
from pipelines.storage import StorageError
from schemas.errors import UsageError
from schemas.manifest import CountsError, ManifestError
from schemas.text import printable

_MAX_RESTARTS = 3
_KNOWN_ERRORS = (
    CountsError,
    DeviceError,
    InputError,
    LedgerFolderError,
    ManifestError,
    ModelFileError,
    StorageError,
)


def run(config: ScoringConfig, rest: list[str]) -> int:
    """Score the inputs and return the exit code."""
    options = parse_beam_options(rest, SCORE.flag_names)
    engine = engine_of(options)
    device = config.device
    require_engine(options, job_facts(config))
    if engine.is_on_this_machine:
        _set_up_device(device, config.workers)
    with contextlib.ExitStack() as stack:
        folder = None
        if engine.is_on_this_machine:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="musiq-"))
        run = start_run(config, engine=asked_options(rest), progress_folder=folder)
        label_models(options, {m.name: m.digest for m in run.ledger_models})
        _tell_what_may_surprise(run)
        workers = config.workers or (
            1 if device.is_accelerator else os.cpu_count() or 1
        )
        started = time.monotonic()
        try:
            if folder:
                stack.enter_context(show_progress(folder))
            result = run_job(run, options, workers=workers)
        except (Exception, KeyboardInterrupt) as error:
            return _report_failure(error)
    if engine.is_submitted:
        return 0
    summary = RunSummary.of(
        run,
        read_manifest(run.output, run.manifest_number),
        seconds=time.monotonic() - started,
        counters=read_counters(result) if result else {},
    )
    print(json.dumps(summary.to_dict())) if config.json else print_summary(summary)
    counts = summary.manifest.counts
    return 0 if counts.scored or counts.carried_over else 4


def _set_up_device(device: Device, workers: int | None) -> None:
    """Make this process and its workers compute on a device of this machine."""
    use_device(device)
    if not device.is_accelerator:
        limit_to_one_thread()
    elif workers not in (None, 1):
        raise UsageError(
            f"--device {device} is fed by one process: leave --workers out"
        )
    else:
        try:
            require_device(device)
        except DeviceError as error:
            raise UsageError(str(error)) from error


def run_job(
    run: Run, options: PipelineOptions, *, workers: int
) -> PipelineResult | None:
    """Build the job and run it, to its end if its engine has the launcher wait.

    When a worker process of the embedded engine dies, or the run's counts show that the
    engine has lost a message on its way, the job starts again: planning finds the
    finished rows in the journal. If a worker died after publication, only the
    journal is left to drop, and there is no result: published files must not be
    written again.
    """
    for restart in range(1, _MAX_RESTARTS + 2):
        pipeline = beam.Pipeline(make_runner(options, workers=workers), options)
        score_photos(pipeline, run)
        try:
            result = pipeline.run()
            follow_job("musiq score", options, result)
            return result
        except Exception as error:
            if one_line_cause(error, (CountsError,)):
                reason = "the engine lost some of its data"
            elif is_worker_death(error):
                reason = "a worker process died"
            else:
                raise
            if is_published(run):
                drop_journal(run)
                return None
            if restart > _MAX_RESTARTS:
                raise
        print(
            f"musiq score: {reason}; the job goes on from its journal (restart "
            f"{restart} of {_MAX_RESTARTS})",
            file=sys.stderr,
        )
        if run.progress_folder:
            clear_progress(run.progress_folder)
    raise AssertionError("unreachable")


def read_counters(result: PipelineResult) -> dict[str, int]:
    """Return the job's counters by name; engines give none that stayed at zero."""
    counters = result.metrics().query()["counters"]
    totals: dict[str, int] = {}
    for counter in counters:
        name = counter.key.metric.name
        totals[name] = totals.get(name, 0) + (counter.result or 0)
    return totals


def _tell_what_may_surprise(run: Run) -> None:
    """Say that the built-in model scores, and that vanished rows cannot be marked."""
    if not run.asked.model:
        print(
            "musiq score: no --model given, so the built-in one scores; "
            "`musiq models inspect builtin` tells what it is good for",
            file=sys.stderr,
        )
    has_ledger = run.manifest_number > 1
    if run.asked.vanished is Vanished.MARK and has_ledger and run.previous is None:
        print(
            "musiq score: everything is scored again (--rescore, or other models or "
            "settings), so rows of vanished inputs cannot be marked: they are dropped; "
            "older states keep them",
            file=sys.stderr,
        )


def _report_failure(error: BaseException) -> int:
    """Say why the job failed: one line if it is a known cause, else everything."""
    if isinstance(error, KeyboardInterrupt) or str(error).startswith("KeyboardInt"):
        print(
            "musiq score: interrupted; nothing was published. Finished rows are kept: "
            "run again to go on",
            file=sys.stderr,
        )
        return 1
    if too_many := one_line_cause(error, (FailureBudgetError,)):
        print(f"musiq score: error: {printable(too_many)}", file=sys.stderr)
        return 3
    cause = one_line_cause(error, _KNOWN_ERRORS) or refusal(error)
    if is_worker_death(error):
        cause = (
            "worker processes keep dying, perhaps for want of memory; nothing was "
            "published. Finished rows are kept: run again, with fewer --workers"
        )
    if cause is None:
        traceback.print_exception(error)
        cause = "the job failed, see the traceback above; nothing was published"
    print(f"musiq score: error: {printable(cause)}", file=sys.stderr)
    return 1
