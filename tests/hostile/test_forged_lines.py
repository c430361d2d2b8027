"""Names that errors quote cannot forge lines, move the cursor or tell secrets."""

import pytest
from helpers.run_musiq import Outcome, run_here
from hostile.seed_pictures import good_png

from pipelines.scoring.inputs import list_input, resolve_inputs

EVIL = "evil\n2026-01-01 INFO all is well\x1b[2J\x1b]0;title\x07\r\x9b\u202e"
TOKEN = "ya29.canary-of-a-token"


def commands(folder, model) -> dict[str, list[object]]:
    """Commands that fail, and quote a name or a file's words when they do."""
    photo = folder / "photo.png"
    photo.write_bytes(good_png(1))
    (folder / f"{EVIL}.csv").write_text("path\n1\n")
    (folder / "columns.csv").write_text(f'"{EVIL}",b\n1,2\n')
    (folder / "same.csv").write_text(f'uri,"{EVIL}","{EVIL}"\n1,2,3\n')
    (folder / f"{EVIL}.txt").write_bytes(b"\xff\n")
    (folder / f"{EVIL}.parquet").write_bytes(b"PAR1")
    (folder / "foreign").mkdir()
    (folder / "foreign" / EVIL).touch()
    (folder / EVIL).mkdir()
    (folder / EVIL / "x").touch()
    score = ["score", "--output", folder / "ledger", "--model", model, "--input"]
    return {
        "name of a manifest": [*score, folder / f"{EVIL}.csv"],
        "name of a list": [*score, folder / f"{EVIL}.txt"],
        "name of a Parquet file": [*score, folder / f"{EVIL}.parquet"],
        "columns": [*score, folder / "columns.csv"],
        "repeated column": [*score, folder / "same.csv"],
        "absent input": [*score, folder / f"absent {EVIL}"],
        "scheme": [*score, f"http://{EVIL}"],
        "flag": [*score, photo, f"--{EVIL}"],
        "flag's value": [*score, photo, f"--workers={EVIL}"],
        "argument": [*score, photo, EVIL],
        "foreign file": ["score", "--output", folder / "foreign", *score[3:], photo],
        "output": ["score", "--output", folder / EVIL, *score[3:], photo],
        "model": [*score[:3], "--model", folder / EVIL, "--input", photo],
        "model's name": [*score[:3], f"--model={EVIL}={model}", "--input", photo],
        "verify": ["verify", "--ledger", folder / EVIL],
        "clean": ["clean", "--ledger", folder / EVIL],
        "inspect": ["models", "inspect", folder / EVIL],
        "program": [EVIL],
    }


NAMES = (
    *("name of a manifest", "name of a list", "name of a Parquet file", "columns"),
    *("repeated column", "absent input", "scheme", "flag", "flag's value", "argument"),
    *("foreign file", "output", "model", "model's name", "verify", "clean"),
    *("inspect", "program"),
)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_is_one_printable_line(name, model, tmp_path):
    outcome = run_here(*commands(tmp_path, model)[name])
    assert outcome.code == 2
    assert is_one_printable_line(outcome)


def is_one_printable_line(outcome: Outcome) -> bool:
    return outcome.out == "" and outcome.err[:-1].isprintable()


def test_a_summary_shows_a_strange_ledger_in_printable_lines(model, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(good_png(1))
    outcome = run_here(
        *("score", "--input", photo, "--output", tmp_path / EVIL),
        *("--model", model, "--workers", 1),
    )
    assert outcome.code == 0, outcome.err
    assert all(line.isprintable() for line in outcome.out.split("\n"))
    assert "2026-01-01" not in {line[:10] for line in outcome.out.split("\n")}


@pytest.mark.parametrize(
    "uri",
    [
        f"https://user:{TOKEN}@host/x.jpg",
        f"https://{TOKEN}@host/x.jpg",
        f"https://host/x.jpg#access_token={TOKEN}",
        f"https://host/x.jpg;jwt={TOKEN}?a=1",
    ],
)
def test_a_refused_name_keeps_no_secret(uri, tmp_path):
    source = tmp_path / "list.txt"
    source.write_text(uri)
    [one] = resolve_inputs([str(source)], uri_column="uri")
    [ref] = list_input(one)
    assert ref.refusal is not None
    assert TOKEN not in str(ref)


@pytest.mark.parametrize("flag", ["--input", "--output", "--model"])
def test_a_refused_argument_is_told_without_its_query(flag, model, tmp_path):
    (tmp_path / "photo.png").write_bytes(good_png(1))
    told = {
        "--input": tmp_path / "photo.png",
        "--output": tmp_path / "ledger",
        "--model": model,
    }
    told[flag] = f"https://user:{TOKEN}@host/x?sig={TOKEN}"
    outcome = run_here("score", *(word for pair in told.items() for word in pair))
    assert outcome.code == 2
    assert "https" in outcome.err
    assert TOKEN not in outcome.err
