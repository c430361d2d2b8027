"""`musiq score`: from arguments to a run, and from its manifest to a summary."""

import argparse
import contextlib
import functools
import json
import sys
import tempfile
import time

from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.job import Endings, Job, Recovery
from pipelines.ledger.folder import read_manifest
from pipelines.progress import show_progress
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.configure import build_config, job_facts
from pipelines.scoring.device import Device, DeviceError, require_device, use_device
from pipelines.scoring.flow import score_photos
from pipelines.scoring.journal import drop_journal
from pipelines.scoring.plan import Vanished
from pipelines.scoring.progress import WORDING, clear_progress, read_progress
from pipelines.scoring.publish import FailureBudgetError, is_published
from pipelines.scoring.summary import RunSummary, print_summary
from schemas.errors import UsageError
from schemas.manifest import CountsError

_ENDINGS = Endings(
    interrupted="interrupted; nothing was published. Finished rows are kept: run again "
    "to go on",
    worker_died="worker processes keep dying, perhaps for want of memory; nothing was "
    "published. Finished rows are kept: run again, with fewer --workers",
    exit_codes={FailureBudgetError: 3},
)
_NOTHING_SCORED = 4


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Score the inputs and return the exit code."""
    options = parse_beam_options("musiq score", rest, args.flags)
    job = Job("musiq score", options, job_facts(args))
    job.check()
    if job.engine.is_on_this_machine:
        _set_up_device(Device(args.device), args.workers)
    with contextlib.ExitStack() as stack:
        folder = None
        if job.engine.is_on_this_machine:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="musiq-"))
        config = build_config(args, progress_folder=folder)
        job.label_models({m.name: m.digest for m in config.ledger_models})
        _warn_if_nothing_can_be_marked(config)
        display = None
        if folder:
            read = functools.partial(read_progress, folder)
            display = show_progress(read, WORDING)
        started = time.monotonic()
        outcome = job.run(
            functools.partial(score_photos, config=config),
            _ENDINGS,
            recovery=_recovery(config),
            workers=args.workers,
            display=display,
        )
    if not outcome.is_done:
        return outcome.exit_code
    summary = RunSummary.of(
        config,
        read_manifest(config.output, config.manifest_number),
        seconds=time.monotonic() - started,
        counters=outcome.counters,
    )
    print(json.dumps(summary.to_dict())) if args.json else print_summary(summary)
    counts = summary.manifest.counts
    return 0 if counts.scored or counts.carried_over else _NOTHING_SCORED


def _set_up_device(device: Device, workers: int | None) -> None:
    """Make this process and its workers compute on a device of this machine."""
    use_device(device)
    if not device.is_accelerator:
        return
    if workers not in (None, 1):
        raise UsageError(
            f"--device {device} is fed by one process: leave --workers out"
        )
    try:
        require_device(device)
    except DeviceError as error:
        raise UsageError(str(error)) from error


def _recovery(config: ScoringConfig) -> Recovery:
    """Let a run go on from its journal, in which planning finds the finished rows."""

    def make_ready() -> bool:
        """Forget live counts; of a published run only the journal is left to drop.

        Published files must not be written again.
        """
        if is_published(config):
            drop_journal(config)
            return False
        if config.progress_folder:
            clear_progress(config.progress_folder)
        return True

    return Recovery(
        source="its journal", lost_data=(CountsError,), make_ready=make_ready
    )


def _warn_if_nothing_can_be_marked(config: ScoringConfig) -> None:
    """Say that vanished rows are dropped although the user wants them marked."""
    has_ledger = config.manifest_number > 1
    if config.vanished is Vanished.MARK and has_ledger and config.previous is None:
        print(
            "musiq score: everything is scored again (--rescore, or other models or "
            "settings), so rows of vanished inputs cannot be marked: they are dropped; "
            "older states keep them",
            file=sys.stderr,
        )
