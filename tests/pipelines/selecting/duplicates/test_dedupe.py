"""`musiq select --dedupe`: a whole run over real photos and copies of them."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.make_images import encoded
from helpers.run_musiq import run_here
from helpers.shared_data import SHARED
from helpers.tiny_models import tiny_model_file
from helpers.whole_runs import models_loaded_once
from helpers.written_ledger import write_ledger
from PIL import Image

from pipelines.selecting.duplicates.bands import MOST_BITS, distances, words_of
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.ledger import open_ledger
from pipelines.selecting.request import Dedupe

NAMES = ("kodim01.jpg", "kodim12.jpg", "oceanic_011.jpg")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A measured ledger of three photos, each with a half and a recompressed copy."""
    folder = tmp_path_factory.mktemp("dedupe")
    photos = folder / "photos"
    photos.mkdir()
    for name in NAMES:
        photo = Image.open(SHARED / "photos" / "train" / name).convert("RGB")
        small = photo.resize((photo.width // 3, photo.height // 3))
        half = small.resize((small.width // 2, small.height // 2))
        (photos / f"a-{name}").write_bytes(encoded(np.asarray(small), "JPEG"))
        (photos / f"half-{name}").write_bytes(encoded(np.asarray(half), "JPEG"))
        worse = encoded(np.asarray(small), "JPEG", quality=40)
        (photos / f"worse-{name}").write_bytes(worse)
    (photos / "flat.png").write_bytes(encoded(np.full((70, 60, 3), 9, np.uint8)))
    (photos / "plain.png").write_bytes(encoded(np.full((70, 60, 3), 9, np.uint8)))
    (folder / "tiny.safetensors").write_bytes(tiny_model_file())
    with models_loaded_once():
        outcome = run_here(
            *("score", "--input", photos, "--output", folder / "ledger", "--measure"),
            *("--model", folder / "tiny.safetensors", "--workers", 1),
        )
    assert outcome.code == 0, outcome.err
    return folder / "ledger"


def test_the_best_of_copies_is_kept_and_the_others_name_it(measured, tmp_path):
    kept, rest = tmp_path / "kept.parquet", tmp_path / "rest.csv"
    outcome = run_here(
        *("select", "--ledger", measured, "--dedupe", 31),
        *("--output", kept, "--rest", rest, "--json"),
    )
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    rows = {row["uri"]: row for row in open_ledger(str(measured)).table().to_pylist()}
    best = {row["uri"] for row in pq.read_table(kept).to_pylist()}
    assert len(best) == 5
    assert {"flat.png", "plain.png"} <= {rows[uri]["key"] for uri in best}
    with rest.open() as file:
        dropped = list(csv.DictReader(file))
    assert len(dropped) == 6
    for row in dropped:
        words = row["reason"].split()
        assert words[:2] == ["near-duplicate", "of"]
        ours, theirs = rows[row["uri"]], rows[words[2].rstrip(",")]
        assert theirs["uri"] in best
        assert theirs["musiq_tiny"] >= ours["musiq_tiny"]
        assert ours["key"].split("-", 1)[1] == theirs["key"].split("-", 1)[1]
        hashes = [
            np.frombuffer(one["pdq_hash"], np.uint8)[None] for one in (ours, theirs)
        ]
        [apart] = distances(*map(words_of, hashes))
        assert int(words[3]) == apart <= 31
    assert report["near_duplicates"]["dropped"] == 6
    assert report["near_duplicates"]["unmatched"] == 2
    [step] = [one for one in report["steps"] if one["name"] == "--dedupe 31"]
    assert (step["before"], step["removed"]) == (11, 6)


def test_what_conditions_removed_stands_for_nothing(measured):
    ledger = open_ledger(str(measured))
    small = ledger.select(where="key like 'half%'", dedupe=31)
    assert (small.kept, small.duplicates is not None) == (3, True)


def test_a_choice_comes_after_it(measured):
    ledger = open_ledger(str(measured))
    chosen = ledger.select(where="pdq_quality >= 50", dedupe=31, top_k=2)
    scores = ledger.select(where="pdq_quality >= 50", dedupe=31).table(["musiq_tiny"])
    best = sorted(scores.column("musiq_tiny").to_pylist())[-2:]
    assert sorted(chosen.table(["musiq_tiny"]).column(0).to_pylist()) == best


def test_it_is_told_to_people(measured, tmp_path):
    outcome = run_here(
        *("select", "--ledger", measured, "--dedupe", "tiny=31", "--dry_run"),
        "--explain",
    )
    assert outcome.code == 0, outcome.err
    assert "6 near-duplicates, 0 identical" in outcome.out
    assert "2 photos match none" in outcome.out


def test_a_ledger_without_hashes_is_refused_in_one_line(tmp_path):
    write_ledger(str(tmp_path), [0.5, 0.7])
    with pytest.raises(SelectionError, match="again with --measure"):
        open_ledger(str(tmp_path)).select(dedupe=31)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("32", "--dedupe must be 0 to 31 bits, got 32"),
        ("-1", "--dedupe must be 0 to 31 bits, got -1"),
        ("few", "--dedupe must be a whole number, got 'few'"),
        ("koniq=31", "--dedupe: the ledger has no model 'koniq'"),
    ],
)
def test_what_cannot_be_is_refused(measured, given, told):
    outcome = run_here("select", "--ledger", measured, "--dedupe", given, "--dry_run")
    assert outcome.code == 2
    assert told in outcome.err


def test_the_limit_is_that_of_the_bands():
    assert Dedupe(bits=MOST_BITS).text == f"--dedupe {MOST_BITS}"
    with pytest.raises(SelectionError, match=f"0 to {MOST_BITS} bits"):
        Dedupe(bits=MOST_BITS + 1)
