"""What refs and rows carry, by the names of the ledger's columns."""

from collections.abc import Iterable

import pyarrow as pa

from pipelines.scoring.carried.columns import CarriedColumns, unite_layouts
from pipelines.scoring.carried.layout import FoundLayout, Layout
from pipelines.scoring.image_ref import ImageRef


def columns_of(*fields: pa.Field) -> CarriedColumns:
    """The columns of rows that all have the layout of these fields."""
    return unite_layouts([FoundLayout(layout=Layout(fields), order=(0,))])


def layout_of(*fields: pa.Field) -> str:
    """The digest of a layout."""
    return Layout(fields).digest


def united(listed: Iterable[object]) -> CarriedColumns:
    """The columns of a listing, which has the layouts of its refs in it."""
    return unite_layouts(one for one in listed if isinstance(one, FoundLayout))


def carried_table(listed: Iterable[object]) -> pa.Table:
    """What the refs of a listing carry."""
    listed = list(listed)
    return united(listed).table([one for one in listed if isinstance(one, ImageRef)])
