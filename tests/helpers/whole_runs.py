"""Whole runs of `musiq score` in this process, and what they left."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.run_musiq import Outcome, run_here, table_of

from pipelines.scoring import score

_NEW = ("named", "duplicates", "listed", "scored", "failed", "left_out")


@dataclasses.dataclass(frozen=True)
class Run(Outcome):
    """How a run ended.

    Attributes:
      rows: The ledger's rows, by URI below the folder of the input where it is there.
    """

    rows: dict[str, dict] = dataclasses.field(default_factory=dict)

    @property
    def told(self) -> dict[str, int]:
        """What the summary counts of the inputs, but for what is 0."""
        counts = self.summary["counts"]
        assert counts["named"] == sum(
            counts[name] for name in ("listed", "duplicates", "left_out")
        )
        return {name: counts[name] for name in _NEW if counts[name]}

    @property
    def left_out(self) -> dict[str, int]:
        """How many files were left out, by reason."""
        return {one["reason"]: one["count"] for one in self.summary["left_out"]}

    def column(self, name: str) -> list:
        """A column of the ledger, in the order of the URIs."""
        return [row[name] for row in self.rows.values()]


def run_whole(folder: Path, ledger: Path, model: Path, *arguments: object) -> Run:
    """Run in a folder, as a user who stands there; rows are empty if it fails."""
    with contextlib.chdir(folder):
        outcome = run_here(
            *("score", *arguments, "--output", ledger, "--model", model),
            *("--workers", 1, "--json"),
        )
    rows = {}
    if outcome.code == 0:
        found = sorted(table_of(ledger).to_pylist(), key=lambda row: row["uri"])
        rows = {row["uri"].removeprefix(f"{folder}/"): row for row in found}
        assert len(rows) == len(found)
    return Run(outcome.code, outcome.out, outcome.err, rows)


@contextlib.contextmanager
def models_loaded_once() -> Iterator[None]:
    """Let the runs of this process share the programs of a model, which are pure."""
    kept = {}
    load = score.load_scorer

    def load_once(model, device):
        key = (model.columns.digest, device)
        if key not in kept:
            kept[key] = load(model, device)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, "load_scorer", load_once)
        yield
