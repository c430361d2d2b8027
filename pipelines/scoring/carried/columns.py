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
from pipelines.scoring.carried.stored import as_stored, stored_renames
from pipelines.scoring.carried.transport import to_arrow
from pipelines.scoring.input import InputError
from schemas.delta.columns import plain_name, stored_field
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
      fields: Them, as they are stored, by their names in the ledger.
      names: Their names in the inputs.
      types: The plain types that hold the values of all layouts.
      layouts: All layouts by their digests.
    """

    fields: tuple[pa.Field, ...] = ()
    names: tuple[str, ...] = ()
    types: tuple[pa.DataType, ...] = ()
    layouts: dict[str, Layout] = dataclasses.field(default_factory=dict)

    @property
    def renamed(self) -> dict[str, str]:
        """Names in the ledger by those in the inputs, where they differ.

        Fields of structs stand behind their column: `column.field`.
        """
        columns = zip(self.names, self.types, self.fields, strict=True)
        return dict(
            renamed
            for name, found, field in columns
            for renamed in stored_renames(name, found, field)
        )

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
            as_stored(convert(found[name], united))
            if name in found
            else pa.nulls(len(values), field.type)
            for name, united, field in zip(
                self.names, self.types, self.fields, strict=True
            )
        ]
        return pa.Table.from_arrays(arrays, schema=pa.schema(self.fields))


def unite_layouts(found: Iterable[FoundLayout]) -> CarriedColumns:
    """Return the columns that hold the values of all layouts, exactly.

    Columns stand in order of first mention, under names that no engine takes for one
    or refuses, and in types that every engine has.

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
    fine = frozenset[str]().union(*(layout.fine for layout in layouts))
    united = {
        name: unite_types(found, is_wide=name in wide, is_fine=name in fine)
        for name, found in types.items()
    }
    names = ledger_names(united)
    return CarriedColumns(
        fields=tuple(
            stored_field(pa.field(names[name], found)) for name, found in united.items()
        ),
        names=tuple(united),
        types=tuple(united.values()),
        layouts={layout.digest: layout for layout in layouts},
    )


def ledger_names(names: Iterable[str]) -> dict[str, str]:
    """Return how carried columns are called in the ledger.

    What some engine refuses in a name becomes an underscore. The name of one of the
    ledger's own columns, or of another column, becomes `input_NAME`; in comparisons
    capital letters do not count, as many engines ignore them. Nobody can be asked to
    rename what stands in thousands of files.

    Args:
      names: Names in the inputs, each once.
    """
    plain = {name: plain_name(name) for name in names}
    taken = {name.lower() for name in plain.values()}
    given: dict[str, str] = {}
    kept: set[str] = set()
    # Names that may stay do, wherever they are.
    for name in sorted(plain, key=lambda name: plain[name] != name):
        ours = plain[name]
        if not ours or is_reserved(ours) or ours.lower() in kept:
            ours = _further_name(ours, taken)
        kept.add(plain[name].lower())
        taken.add(ours.lower())
        given[name] = ours
    return {name: given[name] for name in plain}


def _further_name(name: str, taken: set[str]) -> str:
    ours, number = f"input_{name}", 1
    while ours.lower() in taken or is_reserved(ours):
        number += 1
        ours = f"input_{name}_{number}"
    return ours
