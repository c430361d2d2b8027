"""The manifest of an inventory report: which files it is of, and how they are read.

Source: "Locating your inventory list" and "Amazon S3 Inventory" (Amazon S3 User Guide);
"Inventory reports" (Google Cloud Storage documentation, Storage Insights).
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from pipelines.scoring.input import InputError
from pipelines.storage import storage_for
from pipelines.storage.uris import scheme_of

_MAX_BYTES = 64 << 20
_AMAZON_FORMATS = ("CSV", "Parquet", "ORC")
_SIGNS = ("report_shards_file_names", "fileSchema")  # of Google, of Amazon


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReportFile:
    """One file of a report.

    Attributes:
      uri: The file.
      md5: Digest of its bytes; None if the manifest does not say.
    """

    uri: str
    md5: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """An inventory report.

    Attributes:
      store: Scheme of the objects that it lists.
      bucket: The bucket that it lists; None if its rows alone say that.
      files: Its files.
      columns: What its CSV files have, if they do not begin with that.
      delimiter: What stands between the values of a CSV file.
      is_quoted: Whether names are URL-encoded.
    """

    store: str
    bucket: str | None
    files: tuple[ReportFile, ...]
    columns: tuple[str, ...] | None = None
    delimiter: str = ","
    is_quoted: bool = False


def is_report(uri: str) -> bool:
    """Whether a file is the manifest of an inventory report, as far as it can be read.

    Raises:
      StorageError: If the store fails.
    """
    if not uri.lower().endswith(".json"):
        return False
    try:
        found = _read_json(uri)
    except InputError:
        return False
    return any(sign in found for sign in _SIGNS)


def read_report(uri: str) -> Report:
    """Return what the manifest of an inventory report says.

    Raises:
      InputError: If something is missing in it.
      StorageError: If the store fails.
    """
    found = _read_json(uri)
    read: Callable[[str, dict[str, Any]], Report]
    read = _google if _SIGNS[0] in found else _amazon
    try:
        return read(uri, found)
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(uri, f"{error} is missing or malformed") from error


def _google(uri: str, found: dict[str, Any]) -> Report:
    names = found["report_shards_file_names"]
    if found.get("shard_count", len(names)) != len(names):
        raise _damaged(uri, f"it names {len(names)} of {found['shard_count']} files")
    config = found.get("report_config") or {}
    csv = config.get("csv_options") or {}
    options = config.get("object_metadata_report_options") or {}
    columns = None
    if csv.get("header_required") is False:
        columns = tuple(options["metadata_fields"])
    folder = uri[: uri.rfind("/") + 1]
    return Report(
        store="gs",
        bucket=(options.get("storage_filters") or {}).get("bucket"),
        files=tuple(ReportFile(uri=folder + name.rpartition("/")[2]) for name in names),
        columns=columns,
        delimiter=csv.get("delimiter") or ",",
    )


def _amazon(uri: str, found: dict[str, Any]) -> Report:
    kind = found["fileFormat"]
    if kind not in _AMAZON_FORMATS:
        raise _damaged(uri, f"it has files of the format {kind!r}")
    columns = None
    if kind == "CSV":
        columns = tuple(name.strip() for name in found["fileSchema"].split(","))
    if scheme_of(uri) == "s3":
        folder = f"s3://{found['destinationBucket'].rpartition(':')[2]}/"
    else:  # a copy of both folders: the manifest lies in one beside `data`
        folder = f"{uri.rsplit('/', 2)[0]}/data/"
    return Report(
        store="s3",
        bucket=found["sourceBucket"],
        files=tuple(
            ReportFile(
                uri=folder + (one["key"] if folder[:5] == "s3://" else _last(one)),
                md5=one["MD5checksum"].lower(),
            )
            for one in found["files"]
        ),
        columns=columns,
        is_quoted=kind == "CSV",
    )


def _last(file: dict[str, Any]) -> str:
    return file["key"].rpartition("/")[2]


def _read_json(uri: str) -> dict[str, Any]:
    with storage_for(uri).open_read(uri) as file:
        data = file.read(_MAX_BYTES)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(uri, f"it is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise _damaged(uri, "it is no JSON object")
    return found


def _damaged(uri: str, reason: str) -> InputError:
    return InputError(
        f"inventory report {uri} cannot be read: {reason}; name the manifest.json of a "
        "finished report"
    )
