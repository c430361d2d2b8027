"""`musiq select` as people type it: lists, counts, and one line for each mistake."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from helpers.given_ledger import given_ledger
from helpers.run_musiq import run_here, run_musiq

from schemas.ledger import SCHEMA_VERSION, VERSION_KEY

FIXTURES = Path(__file__).parents[2] / "fixtures"
CARRIED = [pa.field("camera", pa.string()), pa.field("=a\nb", pa.string())]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    rows = [
        {
            "musiq_koniq": 10.0 * n,
            "musiq_noise": 0.5,
            "camera": "ab"[n % 2],
            "=a\nb": "x",
            "width": 100 * n,
        }
        for n in range(10)
    ]
    rows.append({"failure": "truncated"})
    folder = tmp_path_factory.mktemp("command") / "ledger"
    return given_ledger(folder, rows, carried=CARRIED, shards=2)


def test_the_list_has_what_pins_and_ranks_a_photo(ledger, tmp_path):
    done = run_here(
        *("select", "--ledger", ledger, "--top_k", "koniq=2", "--per", "camera"),
        *("--output", tmp_path / "kept.parquet", "--rest", tmp_path / "rest.csv"),
    )
    assert (done.code, done.err) == (0, "")
    kept = pq.read_table(tmp_path / "kept.parquet")
    assert kept.schema.names == [
        *("uri", "key", "size_bytes", "generation", "sha256", "camera"),
        *("musiq_koniq", "musiq_noise"),
    ]
    assert VERSION_KEY not in (kept.schema.metadata or {})
    assert sorted(kept.column("musiq_koniq").to_pylist()) == [60, 70, 80, 90]
    rest = pyarrow.csv.read_csv(tmp_path / "rest.csv").to_pylist()
    assert len(rest) == 7
    reasons = {row["uri"]: row["reason"] for row in rest}
    assert reasons["/photos/010.jpg"] == "failed: truncated"
    assert reasons["/photos/000.jpg"] == "not within --top_k koniq=2"
    assert "4, 40.00 % of the scored" in done.out
    assert "per camera: 2 groups" in done.out


def test_columns_by_choice(ledger, tmp_path):
    kept = tmp_path / "kept.parquet"
    asked = ("select", "--ledger", ledger, "--where", "width > 500", "--output", kept)
    assert run_here(*asked, "--columns", "width,key", "--columns", "uri").code == 0
    assert pq.read_table(kept).schema.names == ["width", "key", "uri"]
    kept.unlink()
    assert run_here(*asked, "--columns", "*").code == 0
    assert "=a\nb" in pq.read_table(kept).schema.names


def test_explained_counts_add_up_to_all_rows(ledger):
    asked = ("select", "--ledger", ledger, "--where", "width > 150", "--dry_run")
    asked = (*asked, "--min", "koniq=p30", "--drop_worst", "koniq=50%")
    report = json.loads(run_here(*asked, "--json").out)
    assert [step["removed"] for step in report["steps"]] == [0, 1, 2, 0, 4]
    assert sum(step["removed"] for step in report["steps"]) + report["kept"] == 11
    assert (report["rows"], report["scored"], report["kept"]) == (11, 10, 4)
    assert report["share_of_scored"] == 0.4
    assert report["cut"] == 60.0
    assert [one["score"] for one in report["near_misses"]] == [80, 70, 60, 50, 40, 30]
    told = run_here(*asked, "--explain")
    for words in ("what each step removes", "--where width > 150", "next to the cut"):
        assert words in told.out


def test_a_dry_run_writes_nothing(ledger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ("select", "--ledger", ledger, "--top_k", "koniq=1", "--dry_run")
    done = run_here(*asked, "--output", "kept.csv")
    assert done.code == 0
    assert "kept.csv (not written)" in done.out
    assert not list(tmp_path.iterdir())


def test_an_empty_selection_is_4_and_writes_nothing(ledger, tmp_path):
    done = run_here(
        *("select", "--ledger", ledger, "--where", "width > 9000", "--quiet"),
        *("--output", tmp_path / "kept.csv", "--rest", tmp_path / "rest.csv"),
    )
    assert (done.code, done.out) == (4, "")
    assert "nothing is kept of" in done.error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--where", "widht > 1"], "has no column 'widht', did you mean width or"),
        (["--where", "width >"], "syntax error at or near"),
        (["--where", "read_csv('/etc/passwd') = 1"], "no function of the values"),
        (["--per", "kamera", "--top_k", "koniq=1"], "--per: the ledger has no column"),
        (["--columns", "uri,kee"], "'kee', did you mean key?"),
        (["--per", "musiq_koniq_std", "--top_k", "koniq=1"], "no column"),
        (["--top_k", "konik=1"], "no model 'konik', did you mean koniq?"),
        (["--top_k", "3"], "by which model's scores? Name it, such as --top_k koniq="),
        (["--top_k", "koniq=0"], "--top_k must be at least 1, got 0"),
        (["--top_k", "koniq=x"], "--top_k must be a whole number, got 'x'"),
        (["--top_k", "koniq=5%"], "--top_k takes a number of photos, got 'koniq=5%'"),
        (["--top_percent", "koniq=101"], "must be a number from 0 to 100, got '101'"),
        (["--top_percent", "koniq=0"], "must be more than 0 and at most 100 percent"),
        (["--top_percent", "koniq=0.0000001"], "may have 6 decimal places"),
        (["--drop_worst", "koniq=20"], "takes a share, such as 20%"),
        (
            ["--top_k", "koniq=1", "--sample", "3"],
            "--top_k and --sample cannot both be",
        ),
        (["--sample", "koniq=3"], "--sample asks no score: leave koniq= out"),
        (["--bins", "3"], "--bins says of what --sample_per_bin takes"),
        (["--sample_per_bin", "koniq=1", "--bins", "0"], "--bins must be 1 to 10000"),
        (["--min", "koniq=high"], "must be a score or a percentile, such as koniq=60"),
        (["--min", "koniq=nan"], "must be a score or a percentile"),
        (["--min", "koniq=p101"], "must be a number from 0 to 100"),
        (["--score", "konik + 1", "--top_k", "1"], "did you mean koniq? (at character"),
        (["--score", "koniq +", "--top_k", "1"], "is no formula (at character"),
        (["--score", "koniq"], "--score says by what is chosen: give a choice"),
        (["--score", "koniq", "--top_k", "ava=1"], "--score both say by what"),
        (["--at_most", "3"], "--at_most is of each group: say which with --per"),
        (["--at_least", "3", "--per", "camera"], "give one, such as --top_percent"),
        (
            ["--at_least", "3", "--at_most", "2", "--per", "camera", "--top_k", "1"],
            "--at_least 3 is more than --at_most 2",
        ),
        (
            ["--cannot_tell", "1", "--min", "koniq=1"],
            "needs the column musiq_koniq_std",
        ),
        (["--where", "true"] * 41, "41 conditions are too many"),
        (["--output", "kept.doc"], "which form has it?"),
        (["--rest", "kept.csv"], "--output and --rest are the same file"),
        (["--outptu", "x"], "unknown flag --outptu, did you mean --output?"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(flags, told, ledger, tmp_path):
    given = [] if "--output" in flags else ["--output", "kept.csv"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = run_here("select", "--ledger", ledger, *given, *flags)
    assert (done.code, done.out) == (2, "")
    assert told in done.error
    assert not list(tmp_path.iterdir())


def test_an_output_is_asked_for(ledger):
    assert "--output is missing" in run_here("select", "--ledger", ledger).error


def test_a_list_that_exists_stays_as_it_is(ledger, tmp_path):
    for flag, other in (("--output", "--rest"), ("--rest", "--output")):
        file = tmp_path / "old.csv"
        file.write_text("mine")
        done = run_here("select", "--ledger", ledger, flag, file, other, "new.csv")
        assert done.code == 2
        assert "exists already" in done.error
        assert file.read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]


def test_a_folder_without_a_ledger_is_one_line(tmp_path):
    done = run_here("select", "--ledger", tmp_path, "--dry_run")
    assert done.code == 2
    assert "has no published state" in done.error


def test_a_damaged_file_is_one_line_and_nothing_is_written(ledger, tmp_path):
    shutil.copytree(ledger, tmp_path / "ledger")
    [file, *_] = sorted((tmp_path / "ledger").rglob("*.parquet"))
    data = file.read_bytes()
    for broken in (data[:-9], data[:4] + b"\0" * (len(data) - 4), None):
        file.unlink()
        if broken is not None:
            file.write_bytes(broken)
        done = run_here(
            *("select", "--ledger", tmp_path / "ledger", "--top_k", "koniq=3"),
            *("--output", tmp_path / "kept.csv"),
        )
        assert (done.code, done.out) == (2, "")
        assert file.name in done.error
    assert not (tmp_path / "kept.csv").exists()


def test_a_ledger_of_a_newer_schema_is_refused(tmp_path, monkeypatch):
    newer = {VERSION_KEY: str(SCHEMA_VERSION + 1).encode()}
    folder = tmp_path / "ledger"
    given_ledger(folder, [{"musiq_koniq": 1.0}], metadata=newer)
    done = run_here("select", "--ledger", folder, "--dry_run")
    assert done.code == 2
    assert "install a newer musiq" in done.error


@pytest.mark.parametrize("version", [1, 2])
def test_older_ledgers_are_selected_from(version):
    folder = FIXTURES / f"ledger-version-{version}"
    done = run_here(
        *("select", "--ledger", folder, "--top_percent", "50", "--json", "--dry_run"),
        *("--where", "icc is null and coalesce(vanished, false) = false"),
    )
    assert done.code == 0, done.err
    assert done.summary["kept"] == -(-done.summary["scored"] // 2)


def test_it_runs_as_a_process_of_its_own(ledger, tmp_path):
    done = run_musiq(
        *("select", "--ledger", ledger, "--min", "koniq=p50", "--quiet"),
        *("--output", tmp_path / "kept.txt"),
    )
    assert (done.code, done.out, done.err) == (0, "", "")
    assert len((tmp_path / "kept.txt").read_text().splitlines()) == 6
