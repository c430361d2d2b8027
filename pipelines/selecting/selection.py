"""What a selection found: counts, cuts, and the rows themselves as they are read."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.choosing.choose import Chosen
from pipelines.selecting.choosing.cuts import best_first
from pipelines.selecting.choosing.ranking import Ranking
from pipelines.selecting.conditions.bounds import Threshold
from pipelines.selecting.duplicates.near_duplicates import NearDuplicates
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.request import Request, split_names
from pipelines.selecting.rows.gather import Gathered
from pipelines.selecting.rows.scan import rows_at, scan
from pipelines.selecting.rows.sieve import FAILED, Sieve

REASON = "reason"
# With these a list names each photo in the generation that was scored.
_PINNED = ("uri", "key", "size_bytes", "generation", "sha256")
_ALL = "*"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a selection.

    Attributes:
      name: "vanished", "failed", or the condition or choice as it was asked for.
      before: Rows that came to it.
      removed: Rows that it removed.
      reasons: How many it removed for each reason that there was.
    """

    name: str
    before: int
    removed: int
    reasons: dict[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """One group of rows.

    Attributes:
      key: Its values, in the order of the columns.
      scored: Rows with scores.
      kept: Rows that are kept.
      cut: The last score that is kept, where scores decided within the group.
    """

    key: tuple[Any, ...]
    scored: int
    kept: int
    cut: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearMiss:
    """A photo next to the cut.

    Attributes:
      uri: The photo.
      score: Its score.
      is_kept: On which side of the cut it is.
    """

    uri: str
    score: float
    is_kept: bool


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """Which rows of a published state are kept, and why the others are not.

    Attributes:
      ledger: Whose rows.
      request: What was asked for.
      thresholds: The bounds as numbers, in order.
      ranking: By what was chosen; None for chance, or if all are kept.
      chosen: What the choice did; None if all are kept that meet the conditions.
      duplicates: The near-duplicates that were dropped; None if nobody asked.
    """

    ledger: LedgerReader
    request: Request
    thresholds: tuple[Threshold, ...]
    ranking: Ranking | None
    chosen: Chosen | None
    duplicates: NearDuplicates | None
    _schema: pa.Schema
    _sieve: Sieve
    _gathered: Gathered
    _scores: np.ndarray | None

    @property
    def rows(self) -> int:
        """Rows of the ledger."""
        return len(self._sieve.codes)

    @property
    def scored(self) -> int:
        """Rows with scores whose photos the inputs still name."""
        return int(np.count_nonzero(self._sieve.scored))

    @property
    def kept(self) -> int:
        """Rows that are kept."""
        return int(np.count_nonzero(self._sieve.inside))

    def steps(self) -> list[Step]:
        """Return what each step removed, in order; with what is kept they are all."""
        removed = self._sieve.removed()
        of_step: dict[str, dict[str, int]] = {}
        for number, reason in enumerate(self._sieve.reasons[1:], start=1):
            reasons = of_step.setdefault(reason.step, {})
            reasons[reason.text] = reasons.get(reason.text, 0) + int(removed[number])
        steps: list[Step] = []
        left = self.rows
        for name, reasons in of_step.items():
            count = sum(reasons.values())
            told = {text: rows for text, rows in reasons.items() if rows}
            steps.append(Step(name=name, before=left, removed=count, reasons=told))
            left -= count
        return steps

    def groups(self) -> list[Group]:
        """Return the groups, those first of which most is kept; none without `per`."""
        codes, groups = self._gathered.codes, self._gathered.groups
        if codes is None or groups is None:
            return []
        keys = groups.keys()
        count = len(keys)
        scored = np.bincount(codes[codes >= 0], minlength=count)
        kept = np.bincount(codes[self._sieve.inside], minlength=count)
        cuts = self._cut_scores(count)
        order = np.lexsort((-scored, -kept))
        return [
            Group(
                key=keys[place],
                scored=int(scored[place]),
                kept=int(kept[place]),
                cut=None if np.isnan(cuts[place]) else float(cuts[place]),
            )
            for place in order.tolist()
        ]

    @property
    def cut(self) -> float | None:
        """The last score that is kept, if scores decided and there are no groups."""
        if self._gathered.codes is not None:
            return None
        cut = self._cut_scores(1)[0]
        return None if np.isnan(cut) else float(cut)

    def near_misses(self, count: int = 3) -> list[NearMiss]:
        """Return the photos next to the last cut by scores, best first.

        That is the cut of the choice, else of the last bound. There are none of cuts
        within groups or by chance.

        Args:
          count: How many on each side.
        """
        cut = self._last_cut()
        if cut is None:
            return []
        step, scores, higher_is_better = cut
        keys = best_first(scores, higher_is_better=higher_is_better)
        has_score = ~np.isnan(scores)
        is_of_step = np.array([one.step == step for one in self._sieve.reasons])
        inside = self._sieve.inside & has_score
        outside = is_of_step[self._sieve.codes] & has_score
        wanted = np.zeros(self.rows, bool)
        wanted[_least(~keys, inside, count)] = True
        wanted[_least(keys, outside, count)] = True
        uris = rows_at(self.ledger, wanted, ["uri"]).column("uri").to_pylist()
        places = np.flatnonzero(wanted)
        found = [
            (int(keys[place]), not inside[place], uri, float(scores[place]))
            for place, uri in zip(places.tolist(), uris, strict=True)
        ]
        return [
            NearMiss(uri=uri, score=score, is_kept=not is_out)
            for _, is_out, uri, score in sorted(found)
        ]

    def _last_cut(self) -> tuple[str, np.ndarray, bool] | None:
        """Return the last step that cut by scores, these, and which are the better."""
        if self.chosen is not None:
            if self.cut is None or self._scores is None or self.ranking is None:
                return None
            return self.chosen.text, self._scores, self.ranking.higher_is_better
        for one in reversed(self.thresholds):
            scores = self._gathered.values[f"musiq_{one.model}"]
            return one.text, scores, one.flag == "min"
        return None

    def schema(self, columns: Sequence[str] = ()) -> pa.Schema:
        """Return the columns of the kept rows.

        Args:
          columns: Their names; `*` for all. By default name and key, what pins the
            photo (size, generation, digest), the scores, and the columns of groups.

        Raises:
          SelectionError: If the ledger has no such column.
        """
        return pa.schema([self._schema.field(name) for name in self._columns(columns)])

    def batches(self, columns: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the kept rows in the ledger's order, some 100,000 at most at a time.

        Raises:
          SelectionError: If the ledger has no such column.
          LedgerFolderError: If a file of it is missing or damaged.
        """
        schema = self.schema(columns)
        for _, table in scan(self.ledger, schema.names, wanted=self._sieve.inside):
            yield from _batches_of(table.columns, schema)

    def table(self, columns: Sequence[str] = ()) -> pa.Table:
        """Return the kept rows as one table; arguments and errors as of `batches`."""
        return pa.Table.from_batches(self.batches(columns), self.schema(columns))

    def rest_schema(self, columns: Sequence[str] = ()) -> pa.Schema:
        """Return the columns of the rows that are not kept: `reason` comes last."""
        schema = self.schema(columns)
        if REASON in schema.names:
            raise SelectionError(
                f"the list of the rest has a column {REASON!r} of its own: leave that "
                "of the ledger out of --columns"
            )
        return schema.append(pa.field(REASON, pa.string(), nullable=False))

    def rest(self, columns: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows that are not kept, each with its reason, as `batches` does."""
        schema = self.rest_schema(columns)
        names = schema.names[:-1]
        outside = ~self._sieve.inside
        texts = pa.array([one.text for one in self._sieve.reasons])
        failed = [one.step for one in self._sieve.reasons].index(FAILED)
        asked = list(dict.fromkeys([*names, "failure"]))
        near = self.duplicates
        told = near.reasons(self.ledger) if near else None
        for span, table in scan(self.ledger, asked, wanted=outside):
            codes = self._sieve.codes[span][outside[span]]
            reasons = texts.take(pa.array(codes))
            if near is not None and told is not None:
                first, end = np.searchsorted(near.rows, [span.start, span.stop])
                is_near = pa.array(codes == near.reason)
                here = told.slice(first, end - first)
                reasons = pc.call_function(
                    "replace_with_mask", [reasons, is_near, here]
                )
            why = pc.call_function(
                "binary_join_element_wise",
                [pa.scalar("failed"), table.column("failure"), pa.scalar(": ")],
            )
            has_failed = pa.array(codes == failed)
            reasons = pc.call_function("if_else", [has_failed, why, reasons])
            yield from _batches_of([*table.select(names).columns, reasons], schema)

    def _columns(self, columns: Sequence[str]) -> list[str]:
        known = self._schema.names
        if list(columns) == [_ALL] and _ALL not in known:
            return known
        if columns:
            return split_names(columns, known, "--columns")
        scores = [f"musiq_{model}" for model in self.ledger.models]
        groups = self._gathered.groups
        per = () if groups is None else groups.columns
        asked = dict.fromkeys((*_PINNED, *per, *scores))
        return [name for name in asked if name in known]

    def _cut_scores(self, count: int) -> np.ndarray:
        """Return the cut of each group, NaN where there is none."""
        if self.chosen is None or self.chosen.cut_scores is None:
            return np.full(count, np.nan, np.float32)
        return self.chosen.cut_scores


def _batches_of(columns: Sequence[Any], schema: pa.Schema) -> list[pa.RecordBatch]:
    table = pa.Table.from_arrays(list(columns), schema=schema)
    return table.combine_chunks().to_batches()


def _least(keys: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the rows with the least keys, of equal ones the first."""
    places = np.flatnonzero(rows)
    of_rows = keys[places]
    if len(places) > count:
        least = np.partition(of_rows, count - 1)[count - 1]
        at_most = of_rows <= least
        places, of_rows = places[at_most], of_rows[at_most]
    return places[np.argsort(of_rows, kind="stable")[:count]]
