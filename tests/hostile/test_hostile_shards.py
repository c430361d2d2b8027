"""One run over shards that lie about what is in them, or lead out of them."""

import dataclasses
import os
import struct
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_examples import serialized_example
from helpers.make_shards import HUGGING_FACE, special_member, tar_of
from helpers.run_musiq import run_here, table_of
from hostile.hostile_names import HOSTILE_NAMES
from hostile.seed_pictures import good_png
from hostile.watched_run import Watched, watch_musiq

from pipelines.records.tfrecord import write_record
from pipelines.scoring.shards.tar_members import member_name
from schemas.failures import Failure

GOOD = good_png(1)
LONG = b"x" * 5000


def with_header(data: bytes, place: int, new: bytes, *, header: int = 0) -> bytes:
    """An archive one of whose headers says something else, its checksum right."""
    block = bytearray(data[header : header + 512])
    block[place : place + len(new)] = new
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return data[:header] + bytes(block) + data[header + 512 :]


def hostile_tars(secret: Path) -> dict[str, bytes]:
    """Archives by name; each has one good member at least, `good.png`."""
    good = ("good.png", GOOD)
    links = [
        special_member("symbolic.png", tarfile.SYMTYPE, str(secret)),
        special_member("up.png", tarfile.SYMTYPE, "../" * 9 + str(secret)),
        special_member("hard.png", tarfile.LNKTYPE, "good.png"),
        special_member("zero.png", tarfile.CHRTYPE),
        special_member("pipe.png", tarfile.FIFOTYPE),
        special_member("folder.png", tarfile.DIRTYPE),
    ]
    escapes = [
        (str(secret), GOOD),
        ("../secret.png", GOOD),
        ("/etc/cron.d/x.png", GOOD),
    ]
    second = 512 + -(-len(GOOD) // 512) * 512
    two = tar_of([good, ("bad.png", GOOD)], form=tarfile.GNU_FORMAT)
    sparse = tarfile.TarInfo("sparse.png")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.realsize": str(2**40)}
    return {
        # The first one says which columns there are.
        "a_described": tar_of([good, ("good.json", b'{"caption": "=1"}')]),
        "names": tar_of(
            [
                *((os.fsdecode(name) + ".png", GOOD) for name in _member_names()),
                good,
            ],
            form=tarfile.GNU_FORMAT,
        ),
        "links": tar_of([good, *links]),
        "escapes": tar_of([good, *escapes]),
        "sparse": tar_of([good, sparse]),
        "old_sparse": with_header(two, 156, b"S", header=second),
        "huge": with_header(two, 124, b"77777777777\0", header=second),
        "beyond": with_header(two, 124, b"\x80" + b"\xff" * 11, header=second),
        "negative": with_header(two, 124, b"\xff" * 12, header=second),
        "long_name": with_header(
            with_header(two, 156, b"L", header=second),
            124,
            b"77777777777\0",
            header=second,
        ),
        "long_pax": with_header(
            with_header(two, 156, b"x", header=second),
            124,
            b"77777777777\0",
            header=second,
        ),
        "cut_data": two[: second + 600],
        "cut_header": two[: second + 100],
        "no_end": two[: 2 * second],
        "damaged": two[: second + 5] + b"\xff" + two[second + 6 :],
        "deep_json": tar_of([good, ("good.json", b"[" * 500_000)]),
        "many_headers": tar_of([good, *[(f"{n}.txt", b"") for n in range(5000)]]),
        "repeated": tar_of([good, good, good]),
    }


def _member_names() -> list[bytes]:
    return [name.replace(b"\0", b"") for name in HOSTILE_NAMES if b"/" not in name]


def write_parquets(folder: Path, secret: Path) -> None:
    values = [
        {"bytes": GOOD, "path": "good.png"},
        {"bytes": None, "path": str(secret)},
        {"bytes": str(secret).encode(), "path": "../../secret.png"},
    ]
    table = pa.table({"image": pa.array(values, HUGGING_FACE), "=x": ["=1", "+1", "@"]})
    pq.write_table(table, folder / "names.parquet")
    repeated = pa.table({"png": [GOOD, LONG, LONG]})
    pq.write_table(repeated, folder / "pages.parquet", row_group_size=1)
    data = bytearray((folder / "pages.parquet").read_bytes())
    metadata = pq.read_metadata(folder / "pages.parquet")
    place = metadata.row_group(2).column(0).data_page_offset
    data[place : place + 20] = b"\xff" * 20
    (folder / "pages.parquet").write_bytes(data)
    nulls = pa.table({"png": pa.nulls(2**20, pa.binary())})
    pq.write_table(nulls, folder / "rows.parquet", compression="zstd")
    (folder / "short.parquet").write_bytes(b"PAR1" + struct.pack("<I", 2**31) + b"PAR1")


def write_tfrecords(folder: Path) -> None:
    with (folder / "a.tfrecord").open("wb") as file:
        write_record(file, serialized_example(image=[GOOD]))
        write_record(file, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
        write_record(file, serialized_example(label=[1]))
        write_record(file, b"")
        file.write(struct.pack("<QI", 2**62, 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardRun:
    """The run, the folder of its shards, and the ledger's rows by URI."""

    watched: Watched
    folder: Path
    secret: Path
    rows: dict[str, dict]
    ledger: Path

    def outcomes(self, shard: str) -> dict[str, str]:
        """What became of a shard's images, and of the shard itself as ""."""
        uri = f"{self.folder}/{shard}"
        found = {}
        for name, row in self.rows.items():
            if name == uri or name.startswith(f"{uri}#"):
                outcome = row["failure"] or row["status"]
                found[name.removeprefix(uri).removeprefix("#")] = outcome
        return found


@pytest.fixture(scope="module")
def run(model, tmp_path_factory) -> ShardRun:
    root = tmp_path_factory.mktemp("shards")
    folder, secret, ledger = root / "in", root / "secret.png", root / "ledger"
    folder.mkdir()
    secret.write_bytes(good_png(2))
    for name, data in hostile_tars(secret).items():
        (folder / f"{name}.tar").write_bytes(data)
    write_parquets(folder, secret)
    write_tfrecords(folder)
    watched = watch_musiq(
        *("score", "--input", folder / "*.tar", "--input", folder / "*.parquet"),
        *("--input", folder / "a.tfrecord", "--output", ledger, "--model", model),
        *("--workers", 1, "--max_failure_rate", 1),
    )
    assert watched.code == 0, watched.err.decode()
    rows = table_of(ledger).to_pylist()
    by_uri = {row["uri"]: row for row in rows}
    assert len(by_uri) == len(rows)
    return ShardRun(
        watched=watched, folder=folder, secret=secret, rows=by_uri, ledger=ledger
    )


def test_every_archive_keeps_its_good_member_and_tells_of_the_rest(run):
    truncated, unreadable = Failure.TRUNCATED, Failure.UNREADABLE
    good = {"good.png": "scored"}
    expected = {
        "links": good
        | dict.fromkeys(
            ("symbolic.png", "up.png", "hard.png", "zero.png", "pipe.png"), unreadable
        ),
        "sparse": good | {"sparse.png": unreadable},
        "old_sparse": good | {"bad.png": unreadable},
        "huge": good | {"bad.png": truncated, "": truncated},
        "beyond": good | {"": unreadable},
        "negative": good | {"": unreadable},
        "long_name": good | {"": unreadable},
        "long_pax": good | {"": unreadable},
        "cut_data": good | {"bad.png": truncated, "": truncated},
        "cut_header": good | {"": truncated},
        "no_end": good | {"bad.png": "scored", "": truncated},
        "damaged": good | {"": unreadable},
        "a_described": good,
        "deep_json": good,
        "many_headers": good,
        "repeated": good,
    }
    found = {name: run.outcomes(f"{name}.tar") for name in expected}
    assert found == expected


def test_names_in_an_archive_come_back_exactly(run):
    names = [member_name(name + b".png") for name in _member_names()]
    outcomes = run.outcomes("names.tar")
    assert outcomes == dict.fromkeys([*names, "good.png"], "scored")


def test_members_that_would_escape_are_images_like_any_other(run):
    assert set(run.outcomes("escapes.tar").values()) == {"scored"}
    assert len(run.outcomes("escapes.tar")) == 4


def test_paths_in_parquet_are_names_and_open_nothing(run):
    assert run.outcomes("names.parquet") == {
        "row=0": "scored",
        "row=1": Failure.FORBIDDEN_URI,
        "row=2": Failure.NOT_AN_IMAGE,
    }
    row = run.rows[f"{run.folder}/names.parquet#row=1"]
    assert (row["key"], row["_x"]) == (str(run.secret), "+1")


def test_damaged_parquet_costs_what_is_damaged(run):
    assert run.outcomes("pages.parquet") == {
        "row=0": "scored",
        "row=1": Failure.NOT_AN_IMAGE,
        "row=2": Failure.UNREADABLE,
    }
    assert run.outcomes("rows.parquet") == {"": Failure.UNREADABLE}
    assert run.outcomes("short.parquet") == {"": Failure.UNREADABLE}


def test_damaged_records_cost_what_is_damaged(run):
    no_image = Failure.NOT_AN_IMAGE
    assert run.outcomes("a.tfrecord") == {
        "0": "scored",
        **dict.fromkeys(("1", "2", "3"), no_image),
        "": Failure.UNREADABLE,
    }


def test_nothing_is_extracted_and_nothing_outside_is_opened(run):
    assert {path.parent for path in run.folder.rglob("*")} == {run.folder}
    opened = run.watched.opened
    assert any(f"{run.folder}/links.tar" in event for event in opened)
    assert not any(str(run.secret) in event for event in opened)
    assert not any("/etc/cron.d" in event for event in opened)
    assert run.watched.connections == []
    assert run.watched.left == ()


def test_the_run_is_without_internal_failures_and_verifies(run):
    assert {row["failure"] for row in run.rows.values()}.isdisjoint({Failure.INTERNAL})
    assert run_here("verify", "--ledger", run.ledger).code == 0
    assert b"Traceback" not in run.watched.err
