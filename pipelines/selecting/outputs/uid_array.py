"""The uids of DataComp's pools as its resharder reads them.

Each uid is 128 bits in hexadecimal digits, which stand in the pool's metadata and in
the JSON beside each photo; a ledger of the pool carries them in its column `uid`. Where
they are missing nothing stands in for them: the resharder would find no such sample.

Source: mlfoundations/datacomp and webdataset-resharder: a structured array of pairs of
unsigned 64-bit integers, sorted.
"""

import re
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from schemas.errors import UsageError

UID_TYPE = np.dtype("u8,u8")
_UID = re.compile(r"[0-9A-Fa-f]{32}")


def write_uids(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO
) -> int:
    """Write the column `uid` as a sorted array and return how many there are.

    Raises:
      UsageError: If a row has none, or one that is not of 32 hexadecimal digits.
    """
    parts = [np.empty((0, 2), np.uint64)]
    for batch in batches:
        uids = batch.column(batch.schema.get_field_index("uid")).to_pylist()
        for uid in uids:
            if not isinstance(uid, str) or not _UID.fullmatch(uid):
                raise UsageError(
                    f"a row has the uid {uid!r}, and DataComp's are 32 hexadecimal "
                    "digits; select rows that have one, or write another form of list"
                )
        digits = bytes.fromhex("".join(uids))
        parts.append(np.frombuffer(digits, ">u8").reshape(-1, 2).astype(np.uint64))
    pairs = np.concatenate(parts)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    np.lib.format.write_array(
        file, np.ascontiguousarray(pairs).view(UID_TYPE).reshape(-1), allow_pickle=False
    )
    return len(pairs)
