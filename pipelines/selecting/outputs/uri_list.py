"""A list of URIs, one a line, as `musiq score --input` reads it."""

import re
import urllib.parse
from collections.abc import Iterable
from typing import BinaryIO

import pyarrow as pa

from pipelines.storage.uris import is_local, path_of_uri
from schemas.errors import UsageError

_HAS_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search


def write_uri_list(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO
) -> int:
    """Write the column `uri` and return how many there are.

    Raises:
      UsageError: If the name of an object has a line break, which no line can say.
    """
    count = 0
    for batch in batches:
        uris = batch.column(batch.schema.get_field_index("uri")).cast(pa.string())
        lines = uris.to_pylist()
        if any(map(_HAS_CONTROL, lines)):
            lines = [one_line(uri) for uri in lines]
        file.write("".join(f"{line}\n" for line in lines).encode())
        count += batch.num_rows
    return count


def one_line(uri: str) -> str:
    """Return a URI as one line: a local path with control characters as file://.

    Raises:
      UsageError: If it is an object's name with a line break.
    """
    if not _HAS_CONTROL(uri):
        return uri
    if is_local(uri):
        return "file://" + urllib.parse.quote_from_bytes(path_of_uri(uri))
    if "\n" in uri or "\r" in uri:
        raise UsageError(
            f"the name {uri} has a line break, so a list of lines cannot say it; write "
            "the list as .parquet, .csv or .jsonl"
        )
    return uri
