"""What machines are told of a run: one JSON object, as `--json` and as a log line.

schemas/score_report.schema.json is the contract: what is told of this run stands at the
top, what is told of the whole ledger under `state`.
"""

import dataclasses
import json
from typing import Any

from pipelines.sparse_warnings import LOGGER
from schemas.manifest import Counts, Manifest
from schemas.plain import to_plain

FORMAT = "musiq-score/1"
COMMIT = "musiq_commit"
FAILURE = "musiq_failure"
SUBMISSION = "musiq_submission"
_NOTHING_SCORED = 4
_LEAST_SECONDS = 0.001  # clocks of two machines differ


def exit_code_of(counts: Counts) -> int:
    """Return the exit code of a run that has published."""
    return 0 if counts.scored or counts.carried_over else _NOTHING_SCORED


def commit_report(
    manifest: Manifest, *, ledger: str, version: int, seconds: float
) -> dict[str, Any]:
    """Return the facts of a published run.

    Args:
      manifest: What it published.
      ledger: The ledger's folder.
      version: The ledger's, that the run published.
      seconds: Wall time since the run started.
    """
    counts, seconds = manifest.counts, max(seconds, _LEAST_SECONDS)
    return {
        "format": FORMAT,
        "event": COMMIT,
        "exit_code": exit_code_of(counts),
        "ledger": ledger,
        "version": version,
        "run_id": manifest.run_id,
        "started_at": manifest.created_at,
        "models": {name: one["digest"] for name, one in manifest.models.items()},
        "counts": dataclasses.asdict(counts),
        "left_out": to_plain(manifest.left_out),
        "unmatched": list(manifest.unmatched),
        "renamed": manifest.renamed,
        "not_carried": manifest.not_carried,
        "seconds": round(seconds, 3),
        "images_per_second": round(counts.listed / seconds, 3),
        "state": {
            "rows": sum(file.rows for file in manifest.files),
            "failed": sum(manifest.failures.values()),
            "failures": manifest.failures,
            "score_quantiles": manifest.score_quantiles,
        },
    }


def failure_report(
    *, kind: str, line: str, exit_code: int, ledger: str, run_id: str | None = None
) -> dict[str, Any]:
    """Return the facts of a run that published nothing.

    Args:
      kind: Class of the error.
      line: What was said of it.
      exit_code: The program's.
      ledger: The ledger's folder.
      run_id: The run; None if it was refused before it was one.
    """
    return {
        "format": FORMAT,
        "event": FAILURE,
        "exit_code": exit_code,
        "error": {"class": kind, "line": line},
        "ledger": ledger,
        "run_id": run_id,
    }


def submission_report(*, ledger: str, run_id: str) -> dict[str, Any]:
    """Return the facts of a run that an engine has accepted, and that goes on there."""
    return {
        "format": FORMAT,
        "event": SUBMISSION,
        "exit_code": 0,
        "ledger": ledger,
        "run_id": run_id,
    }


def log_report(report: dict[str, Any]) -> None:
    """Log a report as one line of JSON, which stays unseen on this machine."""
    LOGGER.info("%s", json.dumps(report))
