"""What is asked of a selection: conditions in their order, and one choice at last."""

import dataclasses
import enum
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from pipelines.selecting.errors import SelectionError
from schemas.programs.config_file import nearest

MAX_CONDITIONS = 40
MAX_BINS = 10_000
_BINS = 10
_MAX_DECIMALS = 6
_MOST_BITS = 31  # pipelines.selecting.duplicates.bands.MOST_BITS, without its imports


class ChoiceKind(enum.StrEnum):
    """How photos are chosen among those that meet all conditions, by their flags."""

    TOP_K = "top_k"
    TOP_PERCENT = "top_percent"
    DROP_WORST = "drop_worst"
    SAMPLE = "sample"
    SAMPLE_PER_BIN = "sample_per_bin"

    @property
    def is_random(self) -> bool:
        """Whether chance decides, by a seed, instead of the score."""
        return self in (ChoiceKind.SAMPLE, ChoiceKind.SAMPLE_PER_BIN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """How many are chosen of each group.

    Attributes:
      kind: How.
      model: Whose scores decide; None for the one score that there is.
      count: How many, of each group or bin.
      percent: The share, in percent, in place of that.
      bins: Bins of equal width that the scores are divided into; 1 for none.
    """

    kind: ChoiceKind
    model: str | None = None
    count: int | None = None
    percent: Fraction | None = None
    bins: int = 1

    def __post_init__(self):
        if self.count is not None and self.count < 1:
            raise SelectionError(f"--{self.kind} must be at least 1, got {self.count}")
        if self.percent is not None and not 0 < self.percent <= 100:
            raise SelectionError(
                f"--{self.kind} must be more than 0 and at most 100 percent, got "
                f"{float(self.percent):g}"
            )
        if not 1 <= self.bins <= MAX_BINS:
            raise SelectionError(f"--bins must be 1 to {MAX_BINS}, got {self.bins}")

    @property
    def text(self) -> str:
        """The choice as it stands in a command line."""
        name = f"{self.model}=" if self.model else ""
        mark = "" if self.kind is ChoiceKind.TOP_PERCENT else "%"
        amount = (
            f"{float(self.percent):g}{mark}" if self.percent is not None else self.count
        )
        bins = f" --bins {self.bins}" if self.kind is ChoiceKind.SAMPLE_PER_BIN else ""
        return f"--{self.kind} {name}{amount}{bins}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bound:
    """The lowest or highest score of a model that is kept.

    Attributes:
      flag: "min" or "max".
      model: Its name; None for the only one.
      value: The score, in the model's own range.
      percentile: In place of that, the share of scored photos, in percent, below it.
      is_of_card: Whether they are the photos that the model was evaluated on, as its
        card tells, and not those of this ledger.
    """

    flag: str
    model: str | None
    value: float | None = None
    percentile: Fraction | None = None
    is_of_card: bool = False

    @property
    def text(self) -> str:
        """The bound as it stands in a command line."""
        name = f"{self.model}=" if self.model else ""
        if self.percentile is None:
            return f"--{self.flag} {name}{self.value:g}"
        card = "card:" if self.is_of_card else ""
        return f"--{self.flag} {name}{card}p{float(self.percentile):g}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dedupe:
    """Near-duplicates are dropped, but for the best.

    Attributes:
      bits: Hashes up to this distance are of near-duplicates.
      model: Whose scores tell the best; None for those by which is chosen, or the only
        ones.
    """

    bits: int
    model: str | None = None

    def __post_init__(self):
        if not 0 <= self.bits <= _MOST_BITS:
            raise SelectionError(
                f"--dedupe must be 0 to {_MOST_BITS} bits, got {self.bits}"
            )

    @property
    def text(self) -> str:
        """As it stands in a command line."""
        return f"--dedupe {f'{self.model}=' if self.model else ''}{self.bits}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a selection.

    Attributes:
      where: Conditions in SQL; each sees the rows that met those before it.
      bounds: Lowest and highest scores, in order.
      dedupe: How near-duplicates are dropped; None keeps them.
      score: Formula of several models' scores, by which is chosen; "" for none.
      choice: How photos are chosen at the end; None keeps all that meet the conditions.
      per: Columns by which rows are grouped; each group is chosen from by itself.
      at_least: Photos that a group keeps though the choice would keep fewer.
      at_most: Photos that a group keeps at most, the best of those chosen.
      seed: Of choices by chance.
      cannot_tell: A photo that a score's cut removes is told as one of which one cannot
        tell if its score is within so many standard deviations of the cut; None tells
        nothing of the kind.
    """

    where: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    dedupe: Dedupe | None = None
    score: str = ""
    choice: Choice | None = None
    per: tuple[str, ...] = ()
    at_least: int | None = None
    at_most: int | None = None
    seed: int = 0
    cannot_tell: float | None = None

    def __post_init__(self):
        conditions = len(self.where) + len(self.bounds)
        if conditions > MAX_CONDITIONS:
            raise SelectionError(
                f"{conditions} conditions are too many, {MAX_CONDITIONS} are allowed; "
                "join some with AND"
            )
        self._check_quotas()
        self._check_score()
        margin = self.cannot_tell
        if margin is not None and not (math.isfinite(margin) and margin > 0):
            raise SelectionError(f"--cannot_tell must be positive, got {margin:g}")

    def _check_quotas(self):
        for name in ("at_least", "at_most"):
            quota = getattr(self, name)
            if quota is None:
                continue
            if quota < 1:
                raise SelectionError(f"--{name} must be at least 1, got {quota}")
            if not self.per:
                raise SelectionError(f"--{name} is of each group: say which with --per")
            if self.choice is None:
                raise SelectionError(
                    f"--{name} changes what a choice keeps: give one, such as "
                    "--top_percent"
                )
            if self.choice.kind is ChoiceKind.SAMPLE_PER_BIN:
                raise SelectionError(
                    f"--{name} and --sample_per_bin both say how many: give one"
                )
        if self.at_least and self.at_most and self.at_least > self.at_most:
            raise SelectionError(
                f"--at_least {self.at_least} is more than --at_most {self.at_most}"
            )

    def _check_score(self):
        if self.score and not self.ranks:
            raise SelectionError(
                "--score says by what is chosen: give a choice, such as --top_percent"
            )
        if self.score and self.choice and self.choice.model:
            raise SelectionError(
                f"--{self.choice.kind} {self.choice.model}= and --score both say by "
                "what is chosen: give one"
            )

    @property
    def ranks(self) -> bool:
        """Whether scores decide at the end which rows are kept, or their bins."""
        return self.choice is not None and self.choice.kind is not ChoiceKind.SAMPLE


def split_names(texts: Iterable[str], known: Sequence[str], flag: str) -> list[str]:
    """Return the columns that texts name, several in one with commas between.

    Args:
      texts: As they were given; one that is a column's whole name is that column.
      known: All columns.
      flag: For messages, such as "--per".

    Raises:
      SelectionError: If there is no such column.
    """
    names: list[str] = []
    for text in texts:
        parts = [text] if text in known else [p.strip() for p in text.split(",")]
        for name in parts:
            if name not in known:
                hint = nearest(name, known)
                raise SelectionError(f"{flag}: the ledger has no column {name!r}{hint}")
            if name not in names:
                names.append(name)
    return names


def named_amount(text: str) -> tuple[str | None, str]:
    """Divide `[NAME=]AMOUNT`."""
    name, equals, amount = text.rpartition("=")
    return (name.strip() if equals else None), amount.strip()


def percent_of(text: str, flag: str) -> Fraction:
    """Return a share in percent, exactly as written.

    Raises:
      SelectionError: If it is no such number.
    """
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        share = None
    if share is None or "/" in text or not 0 <= share <= 100:
        raise SelectionError(f"{flag} must be a number from 0 to 100, got {text!r}")
    if (share * 10**_MAX_DECIMALS).denominator != 1:
        raise SelectionError(
            f"{flag} may have {_MAX_DECIMALS} decimal places, got {text!r}"
        )
    return share


def whole_number(text: str, flag: str) -> int:
    """Return a whole number.

    Raises:
      SelectionError: If it is none.
    """
    try:
        return int(text)
    except ValueError:
        raise SelectionError(f"{flag} must be a whole number, got {text!r}") from None


def bound_of(flag: str, text: str) -> Bound:
    """Return the bound that `[NAME=]V` means: a score, or a percentile such as p90.

    Raises:
      SelectionError: If it is no bound.
    """
    name, amount = named_amount(text)
    rest = amount.removeprefix("card:")
    if rest.startswith("p"):
        return Bound(
            flag=flag,
            model=name,
            percentile=percent_of(rest[1:], f"--{flag} {text}: the percentile"),
            is_of_card=rest != amount,
        )
    try:
        value = float(amount)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SelectionError(
            f"--{flag} must be a score or a percentile, such as koniq=60 or "
            f"koniq=p90, got {text!r}"
        )
    return Bound(flag=flag, model=name, value=value)


def dedupe_of(text: str) -> Dedupe:
    """Return what `[NAME=]BITS` means.

    Raises:
      SelectionError: If it is no such distance.
    """
    name, amount = named_amount(text)
    return Dedupe(bits=whole_number(amount, "--dedupe"), model=name)


def choice_of(kind: ChoiceKind, text: str, *, bins: int | None) -> Choice:
    """Return the choice that the value of a flag means.

    Raises:
      SelectionError: If it is none.
    """
    name, amount = named_amount(text)
    flag = f"--{kind}"
    is_share = amount.endswith("%")
    if kind is ChoiceKind.DROP_WORST and not is_share:
        raise SelectionError(f"{flag} takes a share, such as 20%, got {text!r}")
    if kind is ChoiceKind.TOP_PERCENT or is_share:
        if kind in (ChoiceKind.TOP_K, ChoiceKind.SAMPLE_PER_BIN):
            raise SelectionError(f"{flag} takes a number of photos, got {text!r}")
        share = percent_of(amount.removesuffix("%"), flag)
        return Choice(kind=kind, model=name, percent=share)
    if kind is ChoiceKind.SAMPLE and name:
        raise SelectionError(f"{flag} asks no score: leave {name}= out")
    count = whole_number(amount, flag)
    if kind is ChoiceKind.SAMPLE_PER_BIN:
        bins = _BINS if bins is None else bins
        return Choice(kind=kind, model=name, count=count, bins=bins)
    return Choice(kind=kind, model=name, count=count)
