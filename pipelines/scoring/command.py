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
from apache_beam.runners.runner import PipelineResult, PipelineRunner

from musiq_core.model_file import ModelFileError
from pipelines.engines import (
    is_embedded,
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
from pipelines.scoring.publish import FailureBudgetError
from pipelines.scoring.show_progress import show_progress
from pipelines.scoring.summary import RunSummary, print_summary
from pipelines.storage import StorageError
from schemas.manifest import ManifestError

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
        runner = make_runner(options, workers=args.workers or os.cpu_count() or 1)
        started = time.monotonic()
        try:
            if folder:
                stack.enter_context(show_progress(folder))
            result = run_job(config, options, runner)
        except Exception as error:
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
    config: ScoringConfig, options: PipelineOptions, runner: PipelineRunner
) -> PipelineResult:
    """Build the job and run it; local engines have finished when this returns."""
    pipeline = beam.Pipeline(runner=runner, options=options)
    score_photos(pipeline, config)
    result = pipeline.run()
    if is_embedded(options):
        result.wait_until_finish()
    return result


def read_counters(result: PipelineResult) -> dict[str, int]:
    """Return the committed values of the job's counters by name."""
    counters = result.metrics().query()["counters"]
    totals: dict[str, int] = {}
    for counter in counters:
        name = counter.key.metric.name
        totals[name] = totals.get(name, 0) + counter.result
    return totals


def _report_failure(error: Exception) -> int:
    """Say why the job failed: one line if it is a known cause, else everything."""
    if too_many := one_line_cause(error, (FailureBudgetError,)):
        print(f"musiq score: error: {too_many}", file=sys.stderr)
        return 3
    cause = one_line_cause(error, _KNOWN_ERRORS)
    if cause is None:
        traceback.print_exception(error)
        cause = "the job failed, see the traceback above; nothing was published"
    print(f"musiq score: error: {cause}", file=sys.stderr)
    return 1
