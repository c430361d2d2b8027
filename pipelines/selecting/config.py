"""What `musiq select` can be told; light to import."""

import dataclasses

from pipelines.copying.config import Layout
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import (
    Bound,
    ChoiceKind,
    Request,
    bound_of,
    choice_of,
    dedupe_of,
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
      dedupe: Distance up to which photos are near-duplicates, `[NAME=]BITS`.
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
      copy_to: Folder that the photos are copied to; None copies none.
      copy_as: How copies lie in it.
      shard_mib: Photos of a shard.
      label: The column that is the label of a training set.
      max_failure_rate: Share of the photos that may not be copied before that counts as
        a failure.
      workers: Local processes that copy; None for one a CPU core.
      calibrate: Labels of some photos, `[NAME=]FILE`; nothing is selected then.
      wanted_precision: Share of good photos that a cut is proposed for.
      good_rating: Ratings from this one on are good.
      calibration_output: File that the calibration becomes.
      calibration: A calibration that is applied.
      min_calibrated: Lowest meaning of a score by that calibration.
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
    dedupe: str | None = None
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
    copy_to: str | None = None
    copy_as: Layout = Layout.FILES
    shard_mib: int = 256
    label: str | None = None
    max_failure_rate: float = 0.0
    workers: int | None = None
    calibrate: str | None = None
    wanted_precision: float | None = None
    good_rating: float | None = None
    calibration_output: str | None = None
    calibration: str | None = None
    min_calibrated: float | None = None
    explain: bool = False
    dry_run: bool = False
    json: bool = False
    quiet: bool = False

    def __post_init__(self):
        _require_what_it_is_for(self)
        if self.calibrate is not None:
            _require_alone(self)
            return
        if not (self.output or self.copy_to or self.dry_run):
            raise SelectionError(
                "--output is missing: name the list to write, copy photos by "
                "--copy_to, or try with --dry_run"
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
            dedupe=None if self.dedupe is None else dedupe_of(self.dedupe),
            score=self.score or "",
            choice=choice_of(*chosen[0], bins=self.bins) if chosen else None,
            per=self.per,
            at_least=self.at_least,
            at_most=self.at_most,
            seed=self.seed,
            cannot_tell=self.cannot_tell,
        )


# Flags that say more of another one, and those that go together with --calibrate.
_SAYS_MORE_OF = {
    "copy_as": "copy_to",
    "shard_mib": "copy_to",
    "label": "copy_to",
    "max_failure_rate": "copy_to",
    "workers": "copy_to",
    "wanted_precision": "calibrate",
    "good_rating": "calibrate",
    "calibration_output": "calibrate",
    "min_calibrated": "calibration",
}
_WITH_CALIBRATE = frozenset(
    [
        *("ledger", "calibrate", "wanted_precision", "good_rating"),
        *("calibration_output", "dry_run", "json", "quiet"),
    ]
)


def _given(config: SelectingConfig) -> list[str]:
    """Return the names of the fields that are not as they are by default."""
    fields = dataclasses.fields(config)
    return [f.name for f in fields if getattr(config, f.name) != f.default]


def _require_what_it_is_for(config: SelectingConfig) -> None:
    for name in _given(config):
        other = _SAYS_MORE_OF.get(name)
        if other and getattr(config, other) is None:
            raise SelectionError(f"--{name} is for --{other}: give that, too")
    if config.wanted_precision is not None and not 0 < config.wanted_precision < 1:
        raise SelectionError(
            "--wanted_precision must be between 0 and 1, got "
            f"{config.wanted_precision:g}"
        )


def _require_alone(config: SelectingConfig) -> None:
    for name in _given(config):
        if name not in _WITH_CALIBRATE:
            raise SelectionError(
                f"--{name} is not for --calibrate, which selects nothing and looks at "
                "all scored photos"
            )
