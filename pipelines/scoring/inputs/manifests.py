"""Lists and manifests: files that name images, one a line or one a row."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.records.parquet import open_parquet
from pipelines.scoring.carried.arrow_types import CannotCarryError, is_textual
from pipelines.scoring.carried.convert import convert
from pipelines.scoring.carried.layout import NOTHING, Carried, Layout
from pipelines.scoring.carried.rows import (
    carry_arrow,
    carry_samples,
    require_distinct,
)
from pipelines.scoring.carried.transport import to_python
from pipelines.scoring.input import InputError, InputKind
from pipelines.scoring.inputs.listed_rows import (
    Told,
    telling_columns,
    told_by,
    told_by_columns,
)
from pipelines.scoring.inputs.text_lines import read_lines, unreadable
from pipelines.scoring.inputs.text_tables import read_objects, read_table
from pipelines.scoring.shards.image_column import columns_of_bytes
from pipelines.storage import storage_for
from schemas.ledger import VERSION_KEY

_BATCH_ROWS = 10_000


class NamedImage(NamedTuple):
    """What a list or manifest says of one image.

    Attributes:
      name: Its name; None or "" of a row without one.
      carried: The other columns.
      told: Those that say what a listing says, if there are such.
    """

    name: str | None
    carried: Carried
    told: Told | None = None


Named = Iterator[NamedImage]


def named_images(
    uri: str,
    kind: InputKind,
    uri_column: str,
    *,
    groups: range | None = None,
) -> Named:
    """Yield what a list or manifest says of each image.

    Args:
      uri: The file.
      kind: What it is.
      uri_column: The column of a manifest that names the images.
      groups: Which row groups of a Parquet file are read; None means all.

    Raises:
      InputError: If it is damaged, or what it says cannot be carried; one line.
      StorageError: If the store fails.
    """
    try:
        match kind:
            case InputKind.URI_LIST:
                yield from _named_by_lines(uri, kind)
            case InputKind.CSV:
                yield from _named_by_table(uri, kind, uri_column)
            case InputKind.JSON_LINES:
                yield from _named_by_objects(uri, kind, uri_column)
            case _:
                yield from _named_by_parquet(uri, kind, uri_column, groups)
    except CannotCarryError as error:
        raise InputError(f"{kind} {uri}: {error}") from error


def manifest_schema(uri: str) -> pa.Schema:
    """Return the columns of a Parquet file.

    Raises:
      InputError: If it cannot be read.
    """
    try:
        with storage_for(uri).open_read(uri) as file:
            return open_parquet(file).schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise unreadable(uri, InputKind.PARQUET, error) from error


def _named_by_lines(uri: str, kind: InputKind) -> Named:
    for line in read_lines(uri, kind, newline="\n"):
        if name := line.rstrip("\r\n"):
            yield NamedImage(name, NOTHING)


def _named_by_table(uri: str, kind: InputKind, uri_column: str) -> Named:
    rows = read_table(uri, kind)
    names = next(rows)
    _require_column(uri, kind, names, uri_column)
    place = names.index(uri_column)
    others = [name for name in names if name != uri_column]
    telling = telling_columns(others)
    kept = [place for place, name in enumerate(others) if name not in telling]
    layout = Layout(tuple(pa.field(others[place], pa.string()) for place in kept))
    for row in rows:
        name = row.pop(place)
        told = told_by(dict(zip(others, row, strict=True))) if telling else None
        values = [row[place] for place in kept] if telling else row
        yield NamedImage(name, Carried(layout, tuple(values)), told)


def _named_by_objects(uri: str, kind: InputKind, uri_column: str) -> Named:
    def samples() -> Iterator[tuple[tuple[str | None, Told | None], dict[str, Any]]]:
        is_known = False
        for number, found in read_objects(uri, kind):
            if not is_known and uri_column not in found:
                _require_column(uri, kind, list(found), uri_column)
            is_known = True
            name = found.pop(uri_column, None)
            if not isinstance(name, str | None):
                raise InputError(
                    f"{kind} {uri}: line {number} has {type(name).__name__} in "
                    f"{uri_column!r}, and URIs are text; name another column by "
                    "--uri_column"
                )
            telling = telling_columns(found)
            told = told_by(found) if telling else None
            yield (
                (name, told),
                {n: value for n, value in found.items() if n not in telling},
            )

    for (name, told), carried in carry_samples(samples()):
        yield NamedImage(name, carried, told)


def _named_by_parquet(
    uri: str,
    kind: InputKind,
    uri_column: str,
    groups: range | None,
) -> Named:
    try:
        with storage_for(uri).open_read(uri) as file:
            parquet = open_parquet(file)
            schema = parquet.schema_arrow
            _require_column(
                uri, kind, schema.names, uri_column, images=columns_of_bytes(schema)
            )
            _require_text(uri, kind, schema.field(uri_column))
            # A ledger says what its photos were, not what they are.
            is_ledger = VERSION_KEY in (schema.metadata or {})
            for batch in parquet.iter_batches(
                _BATCH_ROWS, row_groups=None if groups is None else list(groups)
            ):
                columns = dict(zip(schema.names, batch.columns, strict=True))
                names = to_python(convert(columns.pop(uri_column), pa.string()))
                telling = () if is_ledger else telling_columns(columns)
                told = told_by_columns({name: columns.pop(name) for name in telling})
                rows = carry_arrow(columns, count=batch.num_rows)
                yield from map(NamedImage, names, rows, told or itertools.repeat(None))
    except (pa.ArrowException, OSError) as error:
        raise unreadable(uri, kind, error) from error


def _require_column(
    uri: str,
    kind: InputKind,
    names: list[str],
    uri_column: str,
    *,
    images: Sequence[str] = (),
) -> None:
    require_distinct(names)
    if uri_column not in names:
        cure = "name the one with the URIs by --uri_column"
        if images:
            cure += f", or the one with the images ({', '.join(images)}?) by "
            cure += "--image_column"
        raise InputError(
            f"{kind} {uri} has no column {uri_column!r}; it has {', '.join(names)}: "
            f"{cure}"
        )


def _require_text(uri: str, kind: InputKind, field: pa.Field) -> None:
    if not is_textual(field.type) and not pa.types.is_null(field.type):
        raise InputError(
            f"{kind} {uri}: column {field.name!r} is {field.type}, and URIs are text; "
            "name another column by --uri_column"
        )
