"""The ledger's carried columns: what all layouts of an input are together."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from pipelines.scoring.carried.arrow_types import unite_types
from pipelines.scoring.carried.convert import convert
from pipelines.scoring.carried.layout import FoundLayout, Layout, first_of_each
from pipelines.scoring.carried.rows import MAX_COLUMNS
from pipelines.scoring.carried.transport import to_arrow
from pipelines.scoring.input import InputError
from schemas.ledger import is_reserved
from schemas.manifest import CountsError


class CarriedRow(Protocol):
    """A row of the ledger to be, or one that is kept."""

    @property
    def carried(self) -> tuple[Any, ...]:
        """Values of its layout's fields."""
        ...

    @property
    def layout(self) -> str:
        """Digest of its layout; empty if nothing is carried."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class CarriedColumns:
    """The carried columns of a ledger.

    Attributes:
      fields: Them, by their names in the ledger.
      names: Their names in the inputs.
      layouts: All layouts by their digests.
    """

    fields: tuple[pa.Field, ...] = ()
    names: tuple[str, ...] = ()
    layouts: dict[str, Layout] = dataclasses.field(default_factory=dict)

    @property
    def renamed(self) -> dict[str, str]:
        """Names in the ledger by those in the inputs, where they differ."""
        pairs = zip(self.names, self.fields, strict=True)
        return {name: field.name for name, field in pairs if name != field.name}

    @property
    def left_out(self) -> dict[str, str]:
        """What is not carried, and why."""
        return dict(one for layout in self.layouts.values() for one in layout.left_out)

    def table(self, rows: Sequence[CarriedRow]) -> pa.Table:
        """Return the columns of rows, in their order.

        Raises:
          CountsError: If a row has a layout that listing did not tell of.
        """
        if not all(row.layout in self.layouts for row in rows if row.layout):
            raise CountsError(
                "what listing told of carried columns was lost, so nothing was "
                "published"
            )
        if not self.fields:
            return pa.table({})
        by_layout: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            by_layout.setdefault(row.layout, []).append(place)
        tables, places = [pa.schema(self.fields).empty_table()], list[int]()
        for digest, found in by_layout.items():
            tables.append(self._table(digest, [rows[place].carried for place in found]))
            places += found
        return pa.concat_tables(tables).take(np.argsort(places))

    def _table(self, digest: str, values: list[tuple[Any, ...]]) -> pa.Table:
        """Return the columns of rows of one layout."""
        layout = self.layouts[digest] if digest else Layout()
        columns = zip(*values, strict=True) if layout.fields else ()
        found = {
            field.name: to_arrow(column, field.type)
            for field, column in zip(layout.fields, columns, strict=True)
        }
        arrays = [
            convert(found[name], field.type)
            if name in found
            else pa.nulls(len(values), field.type)
            for name, field in zip(self.names, self.fields, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=pa.schema(self.fields))


def unite_layouts(found: Iterable[FoundLayout]) -> CarriedColumns:
    """Return the columns that hold the values of all layouts, exactly.

    Columns stand in order of first mention, under names that no engine takes for one.

    Raises:
      InputError: If there are too many columns.
    """
    layouts = [one.layout for one in first_of_each(found)]
    types: dict[str, list[pa.DataType]] = {}
    for layout in layouts:
        for field in layout.fields:
            types.setdefault(field.name, []).append(field.type)
    if len(types) > MAX_COLUMNS:
        raise InputError(
            f"the inputs carry {len(types)} columns together, and more than "
            f"{MAX_COLUMNS} are too many; put what they say into one"
        )
    wide = frozenset[str]().union(*(layout.wide for layout in layouts))
    fields = [
        pa.field(ours, unite_types(types[theirs], is_wide=theirs in wide))
        for theirs, ours in ledger_names(types).items()
    ]
    return CarriedColumns(
        fields=tuple(fields),
        names=tuple(types),
        layouts={layout.digest: layout for layout in layouts},
    )


def ledger_names(names: Iterable[str]) -> dict[str, str]:
    """Return how carried columns are called in the ledger.

    The name of one of the ledger's own columns, or of a column before it, becomes
    `input_NAME`; in comparisons capital letters do not count, as many engines ignore
    them. Nobody can be asked to rename what stands in thousands of files.

    Args:
      names: Names in the inputs, each once.
    """
    names = list(names)
    taken = {name.lower() for name in names}
    given: dict[str, str] = {}
    kept: set[str] = set()
    for name in names:
        is_free = name and not is_reserved(name) and name.lower() not in kept
        ours = name if is_free else _further_name(name, taken)
        kept.add(name.lower())
        taken.add(ours.lower())
        given[name] = ours
    return given


def _further_name(name: str, taken: set[str]) -> str:
    ours, number = f"input_{name}", 1
    while ours.lower() in taken or is_reserved(ours):
        number += 1
        ours = f"input_{name}_{number}"
    return ours
