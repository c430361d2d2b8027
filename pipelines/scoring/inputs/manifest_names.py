"""Which lists and manifests there are, by their names."""

import re

from pipelines.scoring.input import InputKind

PACKED = re.compile(r"\.(gz|zst)$", re.IGNORECASE)
_KINDS_BY_SUFFIX = {
    ".csv": InputKind.CSV,
    ".tsv": InputKind.CSV,
    ".jsonl": InputKind.JSON_LINES,
    ".ndjson": InputKind.JSON_LINES,
    ".txt": InputKind.URI_LIST,
    ".parquet": InputKind.PARQUET,
}


def kind_of_name(uri: str) -> InputKind | None:
    """Return which list or manifest a file's name says, None for anything else."""
    name = uri.rstrip("/")
    plain = PACKED.sub("", name)
    suffix = plain[plain.rfind(".") :].lower() if "." in plain else ""
    kind = _KINDS_BY_SUFFIX.get(suffix)
    return None if kind is InputKind.PARQUET and plain != name else kind
