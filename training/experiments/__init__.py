"""The experiments by name; each module has one, and some a second for one scale."""

import difflib
import importlib
from typing import TYPE_CHECKING

from schemas.errors import UsageError

if TYPE_CHECKING:
    from training.experiments.experiment import Experiment

_MODULES = ("imagenet", "koniq", "paq2piq", "spaq", "ava", "tiny")
_SINGLE = "_single"
NAMES = tuple(
    name + suffix
    for name in _MODULES
    for suffix in ("", _SINGLE)
    if (name, suffix) != ("tiny", _SINGLE)
)


def load_experiment(name: str) -> "Experiment":
    """Return an experiment.

    Raises:
      UsageError: If there is none of that name, with the nearest one.
    """
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(NAMES)}"
        raise UsageError(f"unknown experiment {name!r}, {hint}")
    base = name.removesuffix(_SINGLE)
    experiment = importlib.import_module(f"training.experiments.{base}").EXPERIMENT
    if base == name:
        return experiment
    from training.experiments.experiment import single_scale

    return single_scale(experiment)
