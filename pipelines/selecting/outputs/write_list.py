"""Write a list: rows as they come, in the form that was asked for, whole or not."""

from collections.abc import Callable, Iterable
from typing import BinaryIO

import pyarrow as pa

from pipelines.selecting.outputs.csv_list import write_csv
from pipelines.selecting.outputs.json_lists import write_hugging_face, write_json_lines
from pipelines.selecting.outputs.list_format import ListFormat
from pipelines.selecting.outputs.new_output import require_new_output
from pipelines.selecting.outputs.parquet_list import write_parquet
from pipelines.selecting.outputs.uid_array import write_uids
from pipelines.selecting.outputs.uri_list import write_uri_list
from pipelines.selecting.outputs.webdataset_index import write_webdataset_index
from pipelines.storage.new_files import new_file
from schemas.errors import UsageError
from schemas.ledger import VERSION_KEY

Batches = Iterable[pa.RecordBatch]

_WRITERS: dict[ListFormat, Callable[[Batches, pa.Schema, BinaryIO], int]] = {
    ListFormat.PARQUET: write_parquet,
    ListFormat.CSV: write_csv,
    ListFormat.URI_LIST: write_uri_list,
    ListFormat.JSON_LINES: write_json_lines,
    ListFormat.HUGGING_FACE: write_hugging_face,
    ListFormat.UIDS: write_uids,
    ListFormat.WEBDATASET: write_webdataset_index,
}


def write_list(
    batches: Batches, schema: pa.Schema, uri: str, list_format: ListFormat
) -> int:
    """Write rows into a new file of any store.

    Rows are written as they come, so memory holds a few batches of them; of uid arrays
    some 60 bytes a row, of metadata.jsonl 8, and an index is sorted on disk, in up to
    512 MB. The same rows give the same bytes.

    Args:
      batches: The rows, in their order.
      schema: Their columns.
      uri: The file.
      list_format: Its form.

    Returns:
      How many rows were written.

    Raises:
      UsageError: If the file exists, or rows cannot be written in this form.
      StorageError: If it cannot be written.
    """
    full = require_new_output(uri)
    require_columns(schema, list_format)
    # What is written is no part of a ledger: its rows are a listing of photos.
    metadata = {k: v for k, v in (schema.metadata or {}).items() if k != VERSION_KEY}
    plain = schema.with_metadata(metadata or None)
    with new_file(full) as file:
        return _WRITERS[list_format](_as(plain, batches), plain, file)


def require_columns(schema: pa.Schema, list_format: ListFormat) -> None:
    """Refuse a form that needs columns which are not there.

    Raises:
      UsageError: Naming the first of them.
    """
    for name in list_format.needs:
        if name not in schema.names:
            raise UsageError(
                f"a list that ends in {list_format.value} needs the column {name!r}, "
                f"and the rows have {', '.join(schema.names)}"
            )


def _as(schema: pa.Schema, batches: Batches) -> Batches:
    for batch in batches:
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
