"""Copies of what was selected: the flags become a copy, the rows its photos."""

import dataclasses
from collections.abc import Iterable, Iterator

from pipelines.copying.config import CopyingConfig, Layout
from pipelines.copying.kept_list import NEEDED
from pipelines.copying.planning.targets import resolve_target
from pipelines.copying.report import CopyCounts
from pipelines.copying.run_copying import copying_job, run_copying
from pipelines.engines.job import Job
from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.config import SelectingConfig
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.lists import KeptRows
from pipelines.selecting.request import split_names
from pipelines.selecting.rows.scan import ledger_schema_of
from pipelines.storage import Glob, has_magic
from schemas.programs.program import EngineArguments

_PROGRAM = "musiq select"


@dataclasses.dataclass(frozen=True)
class Copying:
    """A copy that was asked for and can be made.

    Attributes:
      config: The copy.
      job: Its job, checked.
      sources: Folders that the ledger's photos came from.
      workers: Processes of the embedded engine; None for one a CPU core.
    """

    config: CopyingConfig
    job: Job
    sources: tuple[str, ...]
    workers: int | None

    def copy(self, rows: KeptRows) -> tuple[int, CopyCounts | None]:
        """Copy the photos of rows; results and errors as of `run_copying`."""
        asked = (*rows.names, *NEEDED, "format", self.config.label or "uri")
        made = rows.calibration.column if rows.calibration else None
        columns = list(dict.fromkeys(name for name in asked if name != made))
        return run_copying(
            self.job,
            rows.batches(columns),
            rows.schema(columns),
            self.config,
            sources=self.sources,
            workers=self.workers,
        )


def prepare_copying(
    asked: SelectingConfig, ledger: LedgerReader, engine: EngineArguments
) -> Copying:
    """Check a copy as far as it can be before rows are known.

    Raises:
      MusiqError: If it cannot be made; one line.
    """
    assert asked.copy_to is not None
    label = _label(asked, ledger)
    try:
        config = CopyingConfig(
            target=resolve_target(asked.copy_to),
            layout=Layout(asked.copy_as),
            shard_mib=asked.shard_mib,
            label=label,
            max_failure_rate=asked.max_failure_rate,
        )
    except ValueError as error:
        raise SelectionError(str(error)) from error
    if f"{config.target}/".startswith(f"{ledger.uri.rstrip('/')}/"):
        raise SelectionError(
            f"--copy_to {config.target} lies in the ledger; name a folder elsewhere"
        )
    sources = tuple(source_folders(ledger.asked.get("input", ())))
    job = copying_job(_PROGRAM, config, engine, sources=sources, is_quiet=asked.quiet)
    return Copying(config, job, sources, asked.workers)


def source_folders(inputs: Iterable[str]) -> Iterator[str]:
    """Yield the folders among inputs of a run: a list's photos may lie anywhere."""
    for uri in inputs:
        if has_magic(uri):
            yield Glob(uri).prefix
        elif uri.endswith("/"):
            yield uri


def _label(asked: SelectingConfig, ledger: LedgerReader) -> str | None:
    """Return the column of a label, which may also be named by its model."""
    if asked.label is None:
        return None
    if asked.label in ledger.models:
        return f"musiq_{asked.label}"
    known = [*ledger_schema_of(ledger).names]
    if asked.calibration is not None:
        known += [f"calibrated_{model}" for model in ledger.models]
    return split_names([asked.label], known, "--label")[0]
