"""Runs of `musiq score` without a command: a tiny model, one folder of photos."""

import dataclasses
import datetime
from pathlib import Path
from typing import Any

from helpers.tiny_models import TINY, tiny_model_file

from musiq_core.model_files.model_file import read_model_file
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.run import Run, ScoringModel
from schemas.ledger import LedgerModel

_FIELDS = {field.name for field in dataclasses.fields(Run)}


def tiny_run(output: str | Path = "/ledger", **changes: Any) -> Run:
    """A run, with some fields of it or of what was asked changed."""
    model = read_model_file(tiny_model_file())
    columns = LedgerModel(name="tiny", digest=model.digest, has_distribution=True)
    asked = {name: value for name, value in changes.items() if name not in _FIELDS}
    fields: dict[str, Any] = {
        "asked": ScoringConfig(input=("/photos/",), output=str(output), **asked),
        "id": "run",
        "started_at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "version": 0,
        "output": str(output),
        "inputs": (Input(number=0, uri="/photos/", kind=InputKind.FOLDER),),
        "models": (
            ScoringModel(uri="m", columns=columns, config=TINY, card=model.card),
        ),
    }
    return Run(**fields | {k: v for k, v in changes.items() if k in _FIELDS})
