"""What a finished run says: one table for people, one JSON object for machines."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.scoring.monitoring.metrics import COMPILATIONS, COMPUTED_TOKENS, TOKENS
from pipelines.scoring.monitoring.report import commit_report
from pipelines.scoring.run import Run
from schemas.manifest import Manifest
from schemas.text import printable

_SHOWN_QUANTILES = {"0.05": "5 %", "0.5": "median", "0.95": "95 %"}
_PLAIN_WIDTH = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A finished run.

    Attributes:
      ledger: The ledger's folder.
      version: The ledger's, that the run published.
      manifest: What its commit says.
      seconds: Wall time of the job.
      counters: The job's counters by name.
    """

    ledger: str
    version: int
    manifest: Manifest
    seconds: float
    counters: dict[str, int]

    @classmethod
    def of(
        cls,
        run: Run,
        manifest: Manifest,
        *,
        seconds: float,
        counters: dict[str, int],
    ) -> "RunSummary":
        """Return the summary of a run that published `manifest`."""
        return cls(
            ledger=run.output,
            version=run.version,
            manifest=manifest,
            seconds=seconds,
            counters=counters,
        )

    @property
    def images_per_second(self) -> float:
        """Inputs finished per second of wall time, start-up included."""
        return self.manifest.counts.listed / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        facts = commit_report(
            self.manifest,
            ledger=self.ledger,
            version=self.version,
            seconds=self.seconds,
        )
        return facts | {
            name: self.counters.get(name, 0)
            for name in (TOKENS, COMPUTED_TOKENS, COMPILATIONS)
        }


def print_summary(summary: RunSummary) -> None:
    """Print the table of a finished run to stdout."""
    counts = summary.manifest.counts
    table = Table(show_header=False, title="musiq score", title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")

    def add(label: str, value: object, *, end_section: bool = False) -> None:
        table.add_row(label, Text(printable(value)), end_section=end_section)

    add("inputs", f"{counts.listed:,} ({counts.duplicates:,} duplicates left out)")
    _add_left_out(add, summary.manifest)
    add("carried over", f"{counts.carried_over:,} unchanged")
    if counts.vanished:
        add("vanished", f"{counts.vanished:,} marked")
    if counts.dropped:
        add("vanished", f"{counts.dropped:,} dropped")
    add("scored", f"{counts.scored:,}")
    add("failed", f"{counts.failed:,}", end_section=True)
    failures = Counter(summary.manifest.failures).most_common()
    if failures:
        total = sum(summary.manifest.failures.values())
        add("failed rows in the ledger", f"{total:,}")
    for index, (failure, count) in enumerate(failures):
        add(f"  {failure}", f"{count:,}", end_section=index == len(failures) - 1)
    for name, quantiles in summary.manifest.score_quantiles.items():
        shown = [
            f"{_SHOWN_QUANTILES[q]} {quantiles[q]:.2f}"
            for q in _SHOWN_QUANTILES
            if q in quantiles
        ]
        add(f"musiq_{name}", ", ".join(shown) or "no scores")
    seconds = f"{summary.seconds:.1f} s, {summary.images_per_second:.2f} images/s"
    add("time", seconds)
    add("ledger", f"{summary.ledger} (version {summary.version})")
    console = Console()
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    console.print(table)


def _add_left_out(add: Callable[[str, object], None], manifest: Manifest) -> None:
    """Add what was left out, a line a reason, and what became of columns."""
    if manifest.left_out:
        add("left out", f"{manifest.counts.left_out:,}")
    for one in sorted(manifest.left_out, key=lambda one: -one.count):
        such_as = f" (such as {one.example})" if one.example else ""
        add(f"  {one.reason}", f"{one.count:,}{such_as}")
    if limit := manifest.asked.get("limit"):
        add("listing", f"ended at --limit {limit:,}; what follows is not counted")
    for pattern in manifest.unmatched:
        add("matched nothing", pattern)
    for theirs, ours in manifest.renamed.items():
        add("column renamed", f"{theirs} is {ours}")
    for name, kind in manifest.not_carried.items():
        add("column not carried", f"{name} ({kind})")
