"""A ledger is read through one face, wherever it lies."""

import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pytest
from helpers.local_server import environment
from helpers.run_musiq import ROOT
from helpers.written_ledger import write_ledger

import pipelines
from pipelines import open_ledger
from pipelines.ledger.errors import LedgerFolderError
from pipelines.storage import StorageError
from schemas.errors import MusiqError

SCORES = [0.25, None, 0.75, 0.5, 0.125]


@pytest.fixture(params=["local", "gs", "s3"])
def folder(request, tmp_path):
    """A ledger of two states on each kind of store."""
    if request.param == "local":
        uri, env = str(tmp_path / "ledger"), {}
        Path(uri).mkdir()
    else:
        store = request.getfixturevalue({"gs": "gcs", "s3": "s3"}[request.param])
        uri, env = f"{store.uri}/{tmp_path.name}/ledger", store.env
    with environment(env):
        write_ledger(uri, SCORES[:2])
        write_ledger(uri, SCORES, version=1)
        yield uri


@pytest.fixture
def local(tmp_path):
    write_ledger(str(tmp_path), SCORES)
    return tmp_path


def test_the_newest_state_is_read_alike_from_every_store(folder):
    ledger = open_ledger(folder)
    assert (ledger.version, ledger.run_id, ledger.row_count) == (1, "run-1", 5)
    assert (ledger.counts.scored, ledger.failures) == (4, {"empty": 1})
    table = ledger.table(columns=["musiq_tiny", "key"])
    assert table.column_names == ["musiq_tiny", "key"]
    by_key = {row["key"]: row["musiq_tiny"] for row in table.to_pylist()}
    assert [by_key[f"photo-{index}.png"] for index in range(5)] == SCORES
    everything = ledger.dataset().to_table()
    assert everything.sort_by("key").equals(ledger.table().sort_by("key"))


def test_a_dataset_answers_queries_and_may_be_asked_again(folder):
    dataset = open_ledger(folder).dataset()
    for _ in range(2):
        good = dataset.to_table(["key"], filter=pc.field("musiq_tiny") > 0.4)
        assert sorted(good["key"].to_pylist()) == ["photo-2.png", "photo-3.png"]
    assert dataset.count_rows() == 5


def test_an_older_state_is_read_by_its_version(local):
    write_ledger(str(local), SCORES[:1], version=1)
    assert open_ledger(str(local)).row_count == 1
    assert open_ledger(str(local), version=0).row_count == 5
    assert open_ledger(f"{local}@0").row_count == 5
    assert open_ledger(f"{local}@1").uri == str(local)


def test_a_folder_whose_name_looks_like_a_version_is_named_with_a_slash(tmp_path):
    write_ledger(str(tmp_path / "night@7"), SCORES)
    assert open_ledger(f"{tmp_path}/night@7/").row_count == 5
    assert open_ledger(f"{tmp_path}/night@7/@0").row_count == 5


def test_facts_of_the_run_stand_beside_the_rows(local):
    ledger = open_ledger(f"{local}/")
    assert ledger.models["tiny"]["score_range"] == [0, 1]
    assert ledger.settings == {"max_tokens": None}
    assert ledger.score_quantiles == {"tiny": {"0.5": 0.5}}
    assert ledger.created_at.startswith("2026-01-02T00:00")
    assert sum(table.num_rows for table in ledger.tables()) == ledger.row_count
    assert all((local / file.path).exists() for file in ledger.files())


@pytest.mark.parametrize(
    ("uri", "version", "message"),
    [
        ("{}/none", None, "has no published state; name a folder that `musiq score`"),
        ("{}", 7, "{} has no version 7; it has 0 to 0"),
        ("{}@7", None, "{} has no version 7; it has 0 to 0"),
        ("{}", -1, "{} has no version -1; it has 0 to 0"),
        ("{}/none@1", None, "{}/none has no version 1; it has none yet"),
        ("{}/runs", None, "is not a ledger: it holds 'run-0/0.parquet'"),
        ("ftp://x/y", None, "'ftp://x/y' names no folder: "),
        ("", None, "'' names no folder: "),
    ],
)
def test_what_is_no_ledger_is_told_in_one_line(local, uri, version, message):
    with pytest.raises(LedgerFolderError) as told:
        open_ledger(uri.format(local), version=version)
    assert message.format(local) in str(told.value)
    assert "\n" not in str(told.value)
    assert isinstance(told.value, MusiqError)


def test_a_column_that_is_not_there_is_told_with_the_nearest(local):
    ledger = open_ledger(str(local))
    with pytest.raises(LedgerFolderError, match="'musiq_tini'; did you mean musiq_ti"):
        ledger.table(["musiq_tini"])
    with pytest.raises(LedgerFolderError, match="no column 'zzz'; it has uri, key, "):
        ledger.table(["zzz"])


def test_a_changed_or_missing_file_is_never_read_as_rows(local):
    ledger = open_ledger(str(local))
    path = local / ledger.files()[0].path
    data = path.read_bytes()
    path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    with pytest.raises(LedgerFolderError, match="is not what its commit says"):
        ledger.table()
    path.write_bytes(data + b"x")
    with pytest.raises(OSError, match="is not what was published"):
        ledger.dataset().to_table()
    path.unlink()
    with pytest.raises(LedgerFolderError, match="the ledger is incomplete"):
        ledger.table()
    with pytest.raises(StorageError, match="cannot read"):
        ledger.dataset().to_table()


def test_a_missing_pandas_is_one_line(local, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(LedgerFolderError, match="pip install pandas"):
        open_ledger(str(local)).to_pandas()


def test_importing_the_package_is_light_and_knows_its_names():
    code = (
        "import sys, pipelines\n"
        "heavy = {'jax', 'apache_beam', 'numpy', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from pipelines import open_ledger\n"
        "assert not {'jax', 'apache_beam'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert all(getattr(pipelines, name) for name in pipelines.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'open_leger'"):
        _ = pipelines.open_leger
