"""Lists of JSON objects, one a line: all columns, and Hugging Face's metadata.jsonl."""

import hashlib
import math
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from pipelines.copying.planning.target_names import folded, target_name
from pipelines.scoring.carried.as_text import json_text, json_values
from schemas.errors import UsageError

_FILE_NAME = "file_name"


def write_json_lines(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO
) -> int:
    """Write an object a row and return how many there are.

    Times are as ISO 8601 has them, bytes as base64; a number that is not finite, for
    which JSON has no word, is null.
    """
    count = 0
    for row in _rows(batches):
        file.write(f"{json_text(row)}\n".encode())
        count += 1
    return count


def write_hugging_face(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO
) -> int:
    """Write a line for each photo with its name, as `ImageFolder` reads it.

    `file_name` is the name below the folder that `--copy_to` makes of the same rows.

    Raises:
      UsageError: If a column is called so already, or two photos would have one name.
    """
    if _FILE_NAME in schema.names:
        raise UsageError(
            f"metadata.jsonl has a column {_FILE_NAME!r} of its own; leave that of the "
            "ledger out"
        )
    taken = array("Q")
    for row in _rows(batches):
        name = target_name(row["uri"], row["key"], row.get("format"))
        digest = hashlib.blake2b(folded(name).encode(), digest_size=8).digest()
        taken.append(int.from_bytes(digest, "big"))
        file.write(f"{json_text({_FILE_NAME: name} | row)}\n".encode())
    _require_distinct(taken)
    return len(taken)


def _require_distinct(taken: "array[int]") -> None:
    different = len(np.unique(np.frombuffer(taken, np.uint64)))
    if different < len(taken):
        raise UsageError(
            f"{len(taken) - different} photos have the name of another one, so "
            f"{_FILE_NAME!r} would not tell them apart; give --copy_to, which numbers "
            "them, or write the list as .jsonl"
        )


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        columns = [list(map(_finite, json_values(one))) for one in batch.columns]
        names = batch.schema.names
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return list(map(_finite, value))
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return value
