"""`musiq score`: from arguments to a run, and from its manifest to a summary."""

import argparse
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

from musiq_core.model_file import ModelFileError
from pipelines.engines import (
    is_embedded,
    is_worker_death,
    limit_to_one_thread,
    make_runner,
    one_line_cause,
    parse_beam_options,
)
from pipelines.ledger_folder import LedgerFolderError, read_manifest
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.configure import build_config
from pipelines.scoring.flow import score_photos
from pipelines.scoring.inputs import InputError
from pipelines.scoring.progress import clear_progress
from pipelines.scoring.publish import FailureBudgetError
from pipelines.scoring.show_progress import show_progress
from pipelines.scoring.summary import RunSummary, print_summary
from pipelines.storage import StorageError
from schemas.manifest import ManifestError

_MAX_RESTARTS = 3
_KNOWN_ERRORS = (
    InputError,
    LedgerFolderError,
    ManifestError,
    ModelFileError,
    StorageError,
)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Score the inputs and return the exit code."""
    options = parse_beam_options("musiq score", rest, args.flags)
    embedded = is_embedded(options)
    if embedded:
        limit_to_one_thread()
    with contextlib.ExitStack() as stack:
        folder = None
        if embedded:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="musiq-"))
        config = build_config(args, progress_folder=folder)
        workers = args.workers or os.cpu_count() or 1
        started = time.monotonic()
        try:
            if folder:
                stack.enter_context(show_progress(folder))
            result = run_job(config, options, workers=workers)
        except (Exception, KeyboardInterrupt) as error:
            return _report_failure(error)
    if not embedded:
        print(f"submitted run {config.run_id}", file=sys.stderr)
        return 0
    summary = RunSummary.of(
        config,
        read_manifest(config.output, config.manifest_number),
        seconds=time.monotonic() - started,
        counters=read_counters(result),
    )
    print(json.dumps(summary.to_dict())) if args.json else print_summary(summary)
    counts = summary.manifest.counts
    return 0 if counts.scored or counts.carried_over else 4


def run_job(
    config: ScoringConfig, options: PipelineOptions, *, workers: int
) -> PipelineResult:
    """Build the job and run it; the embedded engine has finished when this returns.

    When a worker process of the embedded engine dies, the job starts again: planning
    finds the finished rows in the journal.
    """
    for restart in range(1, _MAX_RESTARTS + 2):
        pipeline = beam.Pipeline(make_runner(options, workers=workers), options)
        score_photos(pipeline, config)
        try:
            return pipeline.run()
        except RuntimeError as error:
            if not is_worker_death(error) or restart > _MAX_RESTARTS:
                raise
        print(
            "musiq score: a worker process died; the job goes on from its journal "
            f"(restart {restart} of {_MAX_RESTARTS})",
            file=sys.stderr,
        )
        if config.progress_folder:
            clear_progress(config.progress_folder)
    raise AssertionError("unreachable")


def read_counters(result: PipelineResult) -> dict[str, int]:
    """Return the committed values of the job's counters by name."""
    counters = result.metrics().query()["counters"]
    totals: dict[str, int] = {}
    for counter in counters:
        name = counter.key.metric.name
        totals[name] = totals.get(name, 0) + counter.result
    return totals


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
        print(f"musiq score: error: {too_many}", file=sys.stderr)
        return 3
    cause = one_line_cause(error, _KNOWN_ERRORS)
    if is_worker_death(error):
        cause = (
            "worker processes keep dying, perhaps for want of memory; nothing was "
            "published. Finished rows are kept: run again, with fewer --workers"
        )
    if cause is None:
        traceback.print_exception(error)
        cause = "the job failed, see the traceback above; nothing was published"
    print(f"musiq score: error: {cause}", file=sys.stderr)
    return 1
