"""Inventory reports as the stores write them, of any objects."""

import csv
import gzip
import hashlib
import io
import json
import urllib.parse
from pathlib import Path

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq

AMAZON_NAMES = {
    "bucket": "Bucket",
    "key": "Key",
    "version_id": "VersionId",
    "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker",
    "size": "Size",
    "last_modified_date": "LastModifiedDate",
    "e_tag": "ETag",
    "storage_class": "StorageClass",
}


def csv_of(rows: list[list], **options) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", **options).writerows(rows)
    return text.getvalue().encode()


def amazon_file(rows: list[dict], kind: str) -> bytes:
    """One file of S3 Inventory; the names of columns are those of Parquet and ORC."""
    if kind == "CSV":
        told = [
            {n: str(v).lower() if isinstance(v, bool) else v for n, v in row.items()}
            | {"key": urllib.parse.quote_plus(row["key"], safe="/")}
            for row in rows
        ]
        table = csv_of([list(row.values()) for row in told], quoting=csv.QUOTE_ALL)
        return gzip.compress(table, mtime=0)
    sink = io.BytesIO()
    (pq if kind == "Parquet" else orc).write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def amazon_manifest(
    files: dict[str, bytes], columns: list[str], kind: str, **changes
) -> bytes:
    """The manifest.json of S3 Inventory.

    Args:
      files: Their keys and contents.
      columns: Names of the columns.
      kind: Their format.
      changes: What is to be otherwise.
    """
    schema = ", ".join(AMAZON_NAMES[name] for name in columns)
    found = {
        "sourceBucket": "photos",
        "destinationBucket": "arn:aws:s3:::musiq-test",
        "version": "2016-11-30",
        "creationTimestamp": "1514944800000",
        "fileFormat": kind,
        "fileSchema": schema if kind == "CSV" else "message s3.inventory { }",
        "files": [
            {
                "key": key,
                "size": len(data),
                "MD5checksum": hashlib.md5(data).hexdigest(),
            }
            for key, data in files.items()
        ],
    }
    return json.dumps(found | changes).encode()


def write_amazon(folder: Path, parts: list[list[dict]], kind: str) -> Path:
    """Write a report as a copy of its two folders; gives its manifest."""
    suffix = {"CSV": "csv.gz", "Parquet": "parquet", "ORC": "orc"}[kind]
    files = {
        f"inventory/photos/daily/data/{number}.{suffix}": amazon_file(rows, kind)
        for number, rows in enumerate(parts)
    }
    for key, data in files.items():
        path = folder / "data" / key.rpartition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    manifest = folder / "2026-01-02T01-00Z" / "manifest.json"
    manifest.parent.mkdir()
    columns = list(parts[0][0])
    manifest.write_bytes(amazon_manifest(files, columns, kind))
    return manifest


def write_google(
    folder: Path, parts: list[list[dict]], suffix: str, *, config: dict | None = None
) -> Path:
    """Write a report of Storage Insights; gives its manifest."""
    names = [f"id_2026-01-02T01:00_{n}.{suffix}" for n in range(len(parts))]
    folder.mkdir(parents=True, exist_ok=True)
    csv_options = (config or {}).get("csv_options", {})
    for name, rows in zip(names, parts, strict=True):
        if suffix == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), folder / name)
        else:
            has_header = csv_options.get("header_required", True)
            table = [list(rows[0])] * has_header + [list(r.values()) for r in rows]
            delimiter = csv_options.get("delimiter", ",")
            (folder / name).write_bytes(csv_of(table, delimiter=delimiter))
    found = {
        "report_config": config or {},
        "records_processed": sum(map(len, parts)),
        "snapshot_time": "2026-01-02T01:00:00Z",
        "shard_count": len(parts),
        "report_shards_file_names": names,
    }
    manifest = folder / "id_2026-01-02T01:00_manifest.json"
    manifest.write_text(json.dumps(found))
    return manifest
