"""Lists and manifests: files that name images, one a line or one a row."""

from collections.abc import Iterator, Sequence
from typing import Any

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
from pipelines.scoring.inputs.text_lines import read_lines, unreadable
from pipelines.scoring.inputs.text_tables import read_objects, read_table
from pipelines.scoring.shards.image_column import columns_of_bytes
from pipelines.storage import storage_for

_BATCH_ROWS = 10_000

Named = Iterator[tuple[str | None, Carried]]


def named_images(uri: str, kind: InputKind, uri_column: str) -> Named:
    """Yield what a list or manifest says of each image: its name, its other columns.

    A row without a URI has None or "" for a name.

    Args:
      uri: The file.
      kind: What it is.
      uri_column: The column of a manifest that names the images.

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
                yield from _named_by_parquet(uri, kind, uri_column)
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
            yield name, NOTHING


def _named_by_table(uri: str, kind: InputKind, uri_column: str) -> Named:
    rows = read_table(uri, kind)
    names = next(rows)
    _require_column(uri, kind, names, uri_column)
    place = names.index(uri_column)
    others = [name for name in names if name != uri_column]
    layout = Layout(tuple(pa.field(name, pa.string()) for name in others))
    for row in rows:
        name = row.pop(place)
        yield name, Carried(layout, tuple(row))


def _named_by_objects(uri: str, kind: InputKind, uri_column: str) -> Named:
    def samples() -> Iterator[tuple[str | None, dict[str, Any]]]:
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
            yield name, found

    return carry_samples(samples())


def _named_by_parquet(uri: str, kind: InputKind, uri_column: str) -> Named:
    try:
        with storage_for(uri).open_read(uri) as file:
            parquet = open_parquet(file)
            schema = parquet.schema_arrow
            _require_column(
                uri, kind, schema.names, uri_column, images=columns_of_bytes(schema)
            )
            _require_text(uri, kind, schema.field(uri_column))
            for batch in parquet.iter_batches(_BATCH_ROWS):
                columns = dict(zip(schema.names, batch.columns, strict=True))
                names = to_python(convert(columns.pop(uri_column), pa.string()))
                rows = carry_arrow(columns, count=batch.num_rows)
                yield from zip(names, rows, strict=True)
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
