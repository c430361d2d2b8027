"""One run over every hostile file: one row each, with an outcome that is allowed."""

import dataclasses
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.run_musiq import manifest_of, run_here
from helpers.shared_data import bad_inputs
from hostile.hostile_file import SCORED, HostileFile
from hostile.hostile_files import hostile_files
from hostile.hostile_names import HOSTILE_NAMES
from hostile.special_files import make_special_files
from hostile.watched_run import Watched, watch_musiq

from pipelines.decoding.limits import DEFAULT_LIMITS
from pipelines.storage.uris import path_of_uri
from schemas.failures import Failure

_GIB = 2**30


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostileRun:
    """The run and what it was about.

    Attributes:
      allowed: Allowed outcomes by path.
      rows: The ledger's rows by path; two rows of one path would be one.
      row_count: Rows of the ledger.
      canary: What must not have come into being.
    """

    watched: Watched
    allowed: dict[bytes, frozenset[str]]
    rows: dict[bytes, dict]
    row_count: int
    ledger: Path
    canary: Path


@pytest.fixture(scope="module")
def run(model, tmp_path_factory) -> HostileRun:
    folder = tmp_path_factory.mktemp("hostile")
    canary, inputs, ledger = folder / "canary", folder / "inputs", folder / "ledger"
    special = inputs / "special"
    special.mkdir(parents=True)
    allowed = make_special_files(special, folder / "outside")
    allowed = {os.fsencode(special) + b"/" + name: allowed[name] for name in allowed}
    for file in (*hostile_files(canary), *_shared_files()):
        path = os.fsencode(inputs) + b"/" + file.name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as opened:
            opened.write(file.data)
        allowed[path] = file.allowed
    watched = watch_musiq(
        *("score", "--input", inputs, "--output", ledger, "--model", model),
        *("--workers", 2, "--max_failure_rate", 1),
        env={"PATH": f"{_fake_ghostscript(folder, canary)}:{os.environ['PATH']}"},
    )
    assert watched.code == 0, watched.err.decode()
    rows = _rows_of(ledger)
    return HostileRun(
        watched=watched,
        allowed=allowed,
        rows={path_of_uri(row["uri"]): row for row in rows},
        row_count=len(rows),
        ledger=ledger,
        canary=canary,
    )


def outcome_of(row: dict) -> str:
    return SCORED if row["status"] == "scored" else row["failure"]


def test_the_files_are_many_and_the_same_every_time():
    first, second = (list(hostile_files(Path("/canary"))) for _ in range(2))
    assert first == second
    assert len({file.name for file in first}) == len(first) >= 200


def test_every_file_has_one_row(run):
    assert run.rows.keys() == run.allowed.keys()
    assert run.row_count == len(run.rows)
    counts = manifest_of(run.ledger)["counts"]
    assert counts["listed"] == counts["scored"] + counts["failed"] == run.row_count


def test_every_outcome_is_allowed(run):
    wrong = {
        path: (outcome_of(row), row["failure_detail"], sorted(run.allowed[path]))
        for path, row in run.rows.items()
        if outcome_of(row) not in run.allowed[path]
    }
    assert wrong == {}


def test_nothing_is_internal_and_no_decoder_dies(run):
    outcomes = Counter(outcome_of(row) for row in run.rows.values())
    assert outcomes[Failure.INTERNAL] == outcomes[Failure.DECODER_CRASH] == 0
    assert outcomes[SCORED] > len(HOSTILE_NAMES)


def test_only_scored_rows_have_scores_and_details_are_short_and_printable(run):
    for row in run.rows.values():
        is_scored = outcome_of(row) == SCORED
        assert (row["musiq_tiny"] is None) != is_scored
        detail = row["failure_detail"]
        assert (detail is None) == is_scored
        assert is_scored or (len(detail) <= 300 and detail.isprintable())


def test_children_stay_within_their_memory(run):
    assert run.watched.child_limits == {DEFAULT_LIMITS.memory_bytes}
    assert 0 < run.watched.child_peak_bytes <= _GIB


def test_nothing_is_left_behind(run):
    assert run.watched.left == ()
    assert list(run.ledger.glob("journal/*")) == []


def test_nothing_that_was_read_is_run(run):
    assert not run.canary.exists()


def test_names_never_reach_the_terminal_raw(run):
    said = run.watched.out + run.watched.err
    assert all(byte >= 32 or byte == ord("\n") for byte in said), said
    for part in (b"forged", b"window title", b"onerror", b"passwords"):
        assert part not in said


def test_pipes_and_devices_are_never_opened_for_reading(run):
    assert any("whole/rgb8.png" in event for event in run.watched.opened)
    for name in ("pipe.jpg", "device.jpg", "socket.jpg", "zeros.jpg"):
        assert not any(f"special/{name}" in event for event in run.watched.opened)


def test_links_to_folders_are_not_followed(run):
    inside = os.fsencode(run.canary.parent / "inputs")
    assert all(path.startswith(inside) for path in run.rows)
    for folder in (b"/special/up/", b"/special/here/", b"/special/elsewhere/"):
        assert not [path for path in run.rows if path.startswith(inside + folder)]


def test_the_ledger_passes_verification(run):
    outcome = run_here("verify", "--ledger", run.ledger)
    assert outcome.code == 0, outcome.out


def test_folders_do_not_become_columns(run):
    for name in ("year", "month"):
        assert name not in _table_of(run.ledger).schema.names
    [row] = [row for path, row in run.rows.items() if b"/musiq_tiny=1/" in path]
    assert row["musiq_tiny"] != 1


def _shared_files() -> list[HostileFile]:
    return [
        HostileFile(
            name=b"shared/" + bad.name,
            data=bad.data,
            allowed=frozenset(
                SCORED if outcome == "score" else outcome.removeprefix("dead:")
                for outcome in bad.allowed
            ),
        )
        for bad in bad_inputs()
    ]


def _fake_ghostscript(folder: Path, canary: Path) -> Path:
    """A folder with a `gs` that tells that it was run."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("gs", "convert", "ffmpeg", "avifdec", "djpeg"):
        program = programs / name
        program.write_text(f"#!/bin/sh\ntouch '{canary}'\n")
        program.chmod(0o755)
    return programs


def _rows_of(ledger: Path) -> list[dict]:
    return _table_of(ledger).to_pylist()


def _table_of(ledger: Path) -> pa.Table:
    """All rows; read through open files, so that Arrow sees no paths."""
    tables = []
    for file in manifest_of(ledger)["files"]:
        with open(ledger / file["path"], "rb") as opened:
            tables.append(pq.read_table(opened))
    return pa.concat_tables(tables)
