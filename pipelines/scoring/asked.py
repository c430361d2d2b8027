"""What was asked of a run, as its commit keeps it: enough to run it again."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipelines.ledger.states import newest_state
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.run import Run
from pipelines.storage import resolve
from schemas.errors import UsageError
from schemas.plain import to_plain

_ENGINE = "beam"
_HOW_IT_TELLS = ("json", "quiet")


def asked_of(run: Run) -> dict[str, Any]:
    """Return the settings of a run by their flags' names, as in a configuration file.

    Inputs, output and models are named so that they mean the same from every folder
    and on every day; what is as it is by default is left out.
    """
    told: dict[str, Any] = {}
    for field in dataclasses.fields(ScoringConfig):
        value = getattr(run.asked, field.name)
        if value != field.default and field.name not in _HOW_IT_TELLS:
            told[field.name] = to_plain(value)
    told["input"] = [one.uri for one in run.inputs]
    told["output"] = run.output
    told["model"] = [f"{model.columns.name}={model.uri}" for model in run.models]
    return told | ({_ENGINE: dict(run.engine)} if run.engine else {})


def recall_asked(output: str) -> Mapping[str, Any]:
    """Return the settings of the run that published the newest state of a ledger.

    Raises:
      MusiqError: If the ledger cannot be read, or does not say.
    """
    ledger = resolve(output, base=None)
    newest = newest_state(ledger)
    asked = newest.manifest.asked if newest else {}
    if not asked:
        raise UsageError(
            "must be a .toml file, or a ledger whose last run has kept its settings"
        )
    return asked
