"""What `musiq select` can be told; light to import."""

import dataclasses

from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import (
    Bound,
    ChoiceKind,
    Request,
    bound_of,
    choice_of,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectingConfig:
    """What was asked of `musiq select`; texts are as `request` reads them.

    Attributes:
      ledger: Name of the ledger's folder, with `@N` of its version N.
      output: Name of the list to write.
      where: Conditions in SQL.
      min: Lowest scores, `[NAME=]V`.
      max: Highest scores, `[NAME=]V`.
      score: Formula of several models.
      top_k: How many are kept, `[NAME=]K`.
      top_percent: The share that is kept, `[NAME=]P`.
      drop_worst: The share that is not kept, `[NAME=]P%`.
      sample: How many are kept by chance, `N` or `P%`.
      sample_per_bin: How many are kept by chance of each bin of scores, `[NAME=]N`.
      bins: Bins of scores; None for 10.
      seed: Of chance.
      per: Columns by which rows are grouped.
      at_least: Photos that a group keeps at least.
      at_most: Photos that a group keeps at most.
      cannot_tell: Standard deviations around a cut within which one cannot tell.
      rest: Name of the list of what is not kept; None if it is not written.
      columns: Columns of the lists; a few by default.
      explain: Whether it is printed what each condition removes.
      dry_run: Whether nothing is written.
      json: Whether the answer is JSON.
      quiet: Whether nothing is printed but errors.
    """

    ledger: str
    output: str | None = None
    where: tuple[str, ...] = ()
    min: tuple[str, ...] = ()
    max: tuple[str, ...] = ()
    score: str | None = None
    top_k: str | None = None
    top_percent: str | None = None
    drop_worst: str | None = None
    sample: str | None = None
    sample_per_bin: str | None = None
    bins: int | None = None
    seed: int = 0
    per: tuple[str, ...] = ()
    at_least: int | None = None
    at_most: int | None = None
    cannot_tell: float | None = None
    rest: str | None = None
    columns: tuple[str, ...] = ()
    explain: bool = False
    dry_run: bool = False
    json: bool = False
    quiet: bool = False

    def __post_init__(self):
        if not self.output and not self.dry_run:
            raise SelectionError(
                "--output is missing: name the list to write, or try with --dry_run"
            )
        if self.output and self.output == self.rest:
            raise SelectionError("--output and --rest are the same file")
        self.request()

    def request(self) -> Request:
        """Return what is asked for, as far as it can be known without the ledger.

        Raises:
          SelectionError: If it cannot be, or contradicts itself.
        """
        asked = [(kind, getattr(self, kind.value)) for kind in ChoiceKind]
        chosen = [(kind, text) for kind, text in asked if text is not None]
        if len(chosen) > 1:
            flags = " and ".join(f"--{kind}" for kind, _ in chosen)
            raise SelectionError(f"{flags} cannot both be: give one of them")
        if self.bins is not None and self.sample_per_bin is None:
            raise SelectionError("--bins says of what --sample_per_bin takes: give it")
        bounds: list[Bound] = []
        for flag in ("min", "max"):
            bounds += [bound_of(flag, text) for text in getattr(self, flag)]
        return Request(
            where=self.where,
            bounds=tuple(bounds),
            score=self.score or "",
            choice=choice_of(*chosen[0], bins=self.bins) if chosen else None,
            per=self.per,
            at_least=self.at_least,
            at_most=self.at_most,
            seed=self.seed,
            cannot_tell=self.cannot_tell,
        )
