"""Which members of which tar shards are kept: JSON after the index of wids.

    {"__kind__": "musiq-kept-members-v1", "shardlist": [
      {"url": "gs://photos/0000.tar", "kept": 2, "members": ["a.jpg", "b.jpg"]}]}

Like in an index of wids, `shardlist` has an object with `url` for each shard. It has no
`nsamples`: wids, which reads the first so many samples of a shard, would take others.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.copying.planning.packed_names import packed_name
from pipelines.copying.planning.sorted_rows import sorted_rows
from schemas.errors import UsageError

KIND = "musiq-kept-members-v1"
_SPOOLED = pa.schema([("url", pa.string()), ("member", pa.string())])


def write_webdataset_index(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO
) -> int:
    """Write the shards by name, each with its kept members by name.

    Returns:
      How many members there are.

    Raises:
      UsageError: If a photo is no member of a tar shard.
    """
    count = 0
    with tempfile.NamedTemporaryFile(prefix="musiq-") as spool:
        with pq.ParquetWriter(spool.name, _SPOOLED) as writer:
            for batch in batches:
                uris = batch.column(batch.schema.get_field_index("uri")).to_pylist()
                rows = [_member(uri) for uri in uris]
                columns = [pa.array(c, pa.string()) for c in zip(*rows, strict=True)]
                if rows:
                    writer.write_batch(pa.record_batch(columns, schema=_SPOOLED))
                count += len(rows)
        file.write(f'{{"__kind__": "{KIND}", "shardlist": ['.encode())
        separator = "\n"
        for url, members in _shards(spool.name):
            shard = {"url": url, "kept": len(members), "members": members}
            file.write(f"{separator}{json.dumps(shard, ensure_ascii=False)}".encode())
            separator = ",\n"
        file.write(b"\n]}\n")
    return count


def _member(uri: str) -> tuple[str, str]:
    found = packed_name(uri)
    if found is None or not found.is_tar_member:
        raise UsageError(
            f"{uri} is no member of a tar shard, and an index of members has no place "
            "for it; write the list as .parquet, .csv, .jsonl or .txt"
        )
    return found


def _shards(path: str) -> Iterator[tuple[str, list[str]]]:
    url, members = None, []
    for batch in sorted_rows(path, "url, member"):
        rows = (column.to_pylist() for column in batch.columns)
        for next_url, member in zip(*rows, strict=True):
            if next_url != url:
                if url is not None:
                    yield url, members
                url, members = next_url, []
            members.append(member)
    if url is not None:
        yield url, members
