"""Photos and damaged files, and what must be the same on every engine."""

import functools
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.shared_data import SHARED, bad_inputs

SCORE_TOLERANCE = 1e-5
# Where a row came from and when is another in every run.
_OF_A_RUN = {"run_id", "scored_at"}
_OF_A_STORE = {"uri", "generation", "modified_at"}


@functools.cache
def photo_count() -> int:
    """Of real photos: 200 in the full form, ENGINES=full, else 30."""
    return 200 if os.environ.get("ENGINES") == "full" else 30


def write_inputs(folder: Path) -> int:
    """Write real photos and every bad input; returns how many files there are."""
    folder.mkdir(parents=True)
    photos = sorted((SHARED / "photos" / "train").iterdir())[: photo_count()]
    for photo in photos:
        shutil.copy(photo, folder)
    for bad in bad_inputs():
        path = folder / "bad" / os.fsdecode(bad.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bad.data)
    return len(photos) + len(bad_inputs())


def require_same_rows(found: pa.Table, expected: pa.Table, *, store: bool = False):
    """Fail unless two ledgers say the same of every image.

    Args:
      found: The ledger of one engine.
      expected: That of another.
      store: Whether they were read from different stores, which name and date files
        each in its own way.
    """
    ignored = _OF_A_RUN | (_OF_A_STORE if store else set())
    assert found.schema.equals(expected.schema)
    found_rows, expected_rows = _by_key(found), _by_key(expected)
    assert found_rows.keys() == expected_rows.keys()
    for key, row in found_rows.items():
        for column in row.keys() - ignored:
            wanted = expected_rows[key][column]
            if isinstance(wanted, float | list):
                wanted = pytest.approx(wanted, abs=SCORE_TOLERANCE)
            assert row[column] == wanted, (key, column)


def _by_key(table: pa.Table) -> dict[str, dict]:
    rows = table.to_pylist()
    by_key = {row["key"]: row for row in rows}
    assert len(by_key) == len(rows)
    return by_key
