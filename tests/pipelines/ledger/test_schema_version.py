"""Ledgers of every older version are read, and brought up to date by the next run."""

import dataclasses
import hashlib
import io
import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_images import write_images
from helpers.run_musiq import ROOT, manifest_of, rows_by_key, run_here
from helpers.scoring_runs import tiny_run

from pipelines import open_ledger
from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.schema_version import LedgerVersionError
from pipelines.scoring.carried.columns import unite_layouts
from pipelines.scoring.carried.layout import FoundLayout, Layout
from pipelines.scoring.configure import previous_of, read_models
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.planning.plan import RetryFailed, Vanished, plan_shard
from pipelines.scoring.planning.previous_state import KnownRows
from pipelines.scoring.writing.write import write_shard
from pipelines.storage import StoredObject
from schemas.ledger import (
    OWN_FIELDS,
    SCHEMA_VERSION,
    SINCE_VERSION,
    VERSION_KEY,
    ledger_schema,
)
from schemas.manifest import Manifest

FIXTURES = ROOT / "tests" / "fixtures"
VERSIONS = range(1, 3)
KEYS = [f"/srv/musiq/photos/{name}" for name in ("page.jpg", "photo-0.png")]
LABEL = pa.field("label", pa.string())
LAYOUT = Layout(fields=(LABEL,))


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def ledger(version, tmp_path):
    return shutil.copytree(FIXTURES / f"ledger-version-{version}", tmp_path / "ledger")


def model_of(version: int):
    return FIXTURES / f"micro-{version}.safetensors"


def stored_schemas(ledger) -> list[pa.Schema]:
    files = manifest_of(ledger)["files"]
    return [pq.read_schema(ledger / file["path"]) for file in files]


def test_there_is_a_ledger_of_every_older_version():
    found = {path.name for path in FIXTURES.glob("ledger-version-*")}
    assert found >= {f"ledger-version-{n}" for n in range(1, SCHEMA_VERSION)}
    assert set(SINCE_VERSION.values()) <= set(range(2, SCHEMA_VERSION + 1))
    assert SINCE_VERSION.keys() <= {field.name for field in OWN_FIELDS}


def test_an_older_ledger_has_the_columns_of_the_newest_schema(ledger, version):
    assert {s.metadata[VERSION_KEY] for s in stored_schemas(ledger)} == {
        b"%d" % version
    }
    reader = open_ledger(str(ledger))
    table = reader.table()
    model = dataclasses.replace(
        tiny_run().ledger_models[0],
        name="micro",
        digest=reader.models["micro"]["digest"],
    )
    expected = ledger_schema([LABEL], [model])
    assert table.schema.equals(expected)
    assert table.schema.metadata == expected.metadata
    assert table.num_rows == reader.row_count == 4
    for name, since in SINCE_VERSION.items():
        assert (table.column(name).null_count == 4) == (since > version), name
    labels = dict(
        zip(*(table.column(n).to_pylist() for n in ("key", "label")), strict=True)
    )
    assert labels[KEYS[1]] == "label 0"


def test_a_dataset_of_an_older_ledger_has_the_same_columns_and_rows(ledger):
    reader = open_ledger(str(ledger))
    everything = reader.dataset().to_table().sort_by("uri")
    assert everything.equals(reader.table().sort_by("uri"))
    columns = ["vanished", "uri"]
    assert reader.table(columns).column_names == columns


def test_an_older_ledger_is_whole_but_has_no_log_to_clean(ledger):
    verified = run_here("verify", "--ledger", ledger)
    assert (verified.code, verified.err) == (0, "")
    cleaned = run_here("clean", "--ledger", ledger, "--dry_run")
    assert cleaned.code == 2
    assert "run `musiq score` into it once, which begins one" in cleaned.error


def run_after(ledger, version):
    """The run that goes on with a ledger, by the model that made it."""
    run = tiny_run(ledger, models=read_models([str(model_of(version))]))
    manifest = Manifest.from_json((ledger / "_manifests/00000001.json").read_bytes())
    return dataclasses.replace(run, previous=previous_of(manifest, run))


def test_rows_of_an_older_ledger_are_kept_and_brought_up_to_date(ledger, version):
    run = run_after(ledger, version)
    assert run.previous.is_reusable
    known = {}
    rows = KnownRows(run.previous, run.previous.shard_count)
    for shard in range(run.previous.shard_count):
        known |= rows.of(shard)
    table = open_ledger(str(ledger)).table().to_pylist()
    refs = [
        ImageRef(
            uri=row["uri"],
            key="new",
            order=(0, place),
            carried=("new",),
            layout=LAYOUT.digest,
            listed=StoredObject(
                uri=row["uri"],
                size_bytes=row["size_bytes"],
                generation=f"{row['generation']}:1:2",
                modified_at=row["modified_at"],
            ),
        )
        for place, row in enumerate(table)
    ]
    decision = plan_shard(
        refs, [], known, retry_failed=RetryFailed.TRANSIENT, vanished=Vanished.DROP
    )
    assert decision.to_score == []
    columns = unite_layouts([FoundLayout(layout=LAYOUT, order=(0,))])
    summary = write_shard(
        decision.kept,
        shard=0,
        shard_count=1,
        columns=columns,
        run=run,
    )
    path = ledger / summary.file.path
    assert pq.read_schema(path).metadata[VERSION_KEY] == b"%d" % SCHEMA_VERSION
    rows = {row["uri"]: row for row in pq.read_table(path).to_pylist()}
    for row in table:
        renewed = {"generation": f"{row['generation']}:1:2", "vanished": False}
        assert rows[row["uri"]] == row | renewed | {"key": "new", "label": "new"}


def test_the_next_run_brings_a_ledger_up_to_date(ledger, version, tmp_path):
    before = rows_by_key(ledger)
    write_images(tmp_path / "photos", 1)
    outcome = run_here(
        *("score", "--input", tmp_path / "photos", "--output", ledger, "--json"),
        *("--model", model_of(version), "--vanished", "mark", "--workers", 1),
    )
    assert outcome.code == 0, outcome.err
    counts = outcome.summary["counts"]
    assert (counts["scored"], counts["vanished"]) == (1, 4)
    assert {s.metadata[VERSION_KEY] for s in stored_schemas(ledger)} == {
        b"%d" % SCHEMA_VERSION
    }
    after = rows_by_key(ledger)
    assert after[KEYS[0]]["vanished"]
    assert after[KEYS[1]]["musiq_micro"] == before[KEYS[1]]["musiq_micro"]
    assert run_here("verify", "--ledger", ledger).code == 0
    assert open_ledger(str(ledger)).version == 0
    grow_old(ledger)
    assert run_here("clean", "--ledger", ledger).code == 0
    assert not (ledger / "_manifests").exists()
    assert rows_by_key(ledger) == after


def grow_old(ledger) -> None:
    for path in ledger.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))


def forge(ledger, *, metadata=None, data: bytes | None = None) -> str:
    """Replace the first file of a ledger, its digest too; returns its path."""
    [number] = (ledger / "_manifests").iterdir()
    manifest = json.loads(number.read_text())
    file = manifest["files"][0]
    path = ledger / file["path"]
    if data is None:
        buffer = io.BytesIO()
        pq.write_table(pq.read_table(path).replace_schema_metadata(metadata), buffer)
        data = buffer.getvalue()
    path.write_bytes(data)
    file |= {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    number.write_text(json.dumps(manifest))
    return str(path)


@pytest.fixture
def commands(tmp_path):
    """Each way to meet a ledger; gives the line that it says, and the exit code."""
    write_images(tmp_path / "photos", 1)

    def run(ledger):
        score = ["score", "--input", tmp_path / "photos", "--output", ledger]
        score += ["--model", model_of(2)]
        with pytest.raises((LedgerVersionError, LedgerFolderError)) as caught:
            open_ledger(str(ledger)).table()
        yield str(caught.value), 2
        for told in (
            [*score],
            [*score, "--rescore"],
            ["verify", "--ledger", ledger],
            ["clean", "--ledger", ledger],
        ):
            outcome = run_here(*told)
            yield outcome.err.splitlines()[-1], outcome.code

    return run


NEWER = (
    "has version 99 of the ledger's schema, and this musiq reads versions up to "
    f"{SCHEMA_VERSION}: install a newer musiq"
)


def test_a_newer_ledger_is_refused_by_every_program(tmp_path, commands):
    ledger = shutil.copytree(FIXTURES / "ledger-version-2", tmp_path / "ledger")
    path = forge(ledger, metadata={VERSION_KEY: b"99"})
    for line, code in commands(ledger):
        assert line.endswith(f"{path} {NEWER}")
        assert code == 2
    assert not (ledger / "_delta_log").exists()


@pytest.mark.parametrize("metadata", [{}, {"pandas": "{}"}, {VERSION_KEY: b"two"}])
def test_a_parquet_file_of_another_program_is_refused(tmp_path, commands, metadata):
    ledger = shutil.copytree(FIXTURES / "ledger-version-2", tmp_path / "ledger")
    path = forge(ledger, metadata=metadata)
    for line, code in commands(ledger):
        assert f"{path} is no file of a ledger: its metadata have no musiq_le" in line
        assert code == 2


def test_a_newer_manifest_is_refused_by_every_program(tmp_path, commands):
    ledger = shutil.copytree(FIXTURES / "ledger-version-2", tmp_path / "ledger")
    [manifest] = (ledger / "_manifests").iterdir()
    manifest.write_bytes(manifest.read_bytes().replace(b"manifest/1", b"manifest/9"))
    for line, code in commands(ledger):
        assert f"cannot read {manifest}: manifest format 'musiq-manifest/9' is" in line
        assert line.endswith("which this musiq reads: install a newer musiq")
        assert code == 2


def test_what_is_no_parquet_file_is_named_by_verify(tmp_path):
    ledger = shutil.copytree(FIXTURES / "ledger-version-2", tmp_path / "ledger")
    path = forge(ledger, data=b"PAR1 and nothing else")
    outcome = run_here("verify", "--ledger", ledger)
    assert outcome.code == 1
    assert f"{path} cannot be read as Parquet: " in outcome.out
