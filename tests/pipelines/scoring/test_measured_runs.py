"""`--measure` adds columns and changes no score; a ledger keeps to it."""

import pyarrow as pa
import pytest
from helpers.make_images import encoded, noise, photo_like, write_images
from helpers.run_musiq import manifest_of, rows_by_key, run_here, table_of
from helpers.tiny_models import tiny_model_file

from musiq_core.images.decode import decode_image
from musiq_core.measures.measure import measure_photo
from schemas.ledger import MEASURE_COLUMNS

pytestmark = pytest.mark.usefixtures("models_loaded_once")


@pytest.fixture
def score(tmp_path):
    """Scores the folder of photos and returns the ledger's rows by key."""
    write_images(tmp_path / "photos", 4)
    (tmp_path / "photos" / "page.jpg").write_bytes(b"<html>")
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())

    def run(*extra, ledger="ledger", photos="photos") -> dict[str, dict]:
        outcome = run_here(
            *("score", "--input", tmp_path / photos, "--output", tmp_path / ledger),
            *("--model", tmp_path / "tiny.safetensors", "--workers", 1, *extra),
        )
        assert outcome.code == 0, outcome.err
        run.told = outcome.err
        return rows_by_key(tmp_path / ledger)

    return run


def measured(row: dict) -> dict:
    return {name: row[name] for name in MEASURE_COLUMNS if row[name] is not None}


def without(row: dict) -> dict:
    changing = {*MEASURE_COLUMNS, "run_id", "scored_at"}
    return {name: value for name, value in row.items() if name not in changing}


def test_measures_are_of_the_photo_and_scores_are_the_same_bytes(score, tmp_path):
    plain, rows = score(ledger="plain"), score("--measure")
    for name in ("musiq_tiny", "musiq_tiny_distribution", "tokens", "sha256"):
        both = [
            table_of(tmp_path / ledger).sort_by("uri").column(name).combine_chunks()
            for ledger in ("plain", "ledger")
        ]
        assert both[0].equals(both[1])
    for key, row in rows.items():
        assert without(row) == without(plain[key])
    photo = (tmp_path / "photos" / "image-003.png").read_bytes()
    expected = measure_photo(decode_image(photo).pixels)
    row = rows["image-003.png"]
    assert row["pdq_hash"] == expected.pdq_hash
    assert row["pdq_quality"] == expected.pdq_quality
    assert row["measure_sharpness"] == pytest.approx(expected.sharpness)
    assert row["measure_noise"] == pytest.approx(expected.noise)
    assert measured(rows["page.jpg"]) == {}
    schema = table_of(tmp_path / "ledger").schema
    assert schema.field("measure_noise").type == pa.float32()
    assert schema.field("pdq_hash").type == pa.binary()
    assert schema.field("pdq_quality").type == pa.int16()


def counts(ledger) -> tuple[int, int]:
    told = manifest_of(ledger)["counts"]
    return told["scored"], told["carried_over"]


def test_a_ledger_keeps_to_its_measures(score, tmp_path):
    ledger = tmp_path / "ledger"
    score()
    first = score("--measure")
    assert counts(ledger) == (4, 0)
    assert len(measured(first["image-000.png"])) == len(MEASURE_COLUMNS)
    (tmp_path / "photos" / "new.png").write_bytes(encoded(noise(40, 40)))
    second = score()
    assert "as in the ledger's last run: --measure" in score.told
    assert counts(ledger) == (1, 5)
    assert measured(second["new.png"])
    assert measured(second["image-000.png"]) == measured(first["image-000.png"])
    score("--measure")
    assert counts(ledger) == (0, 6)


def test_leaving_measures_out_again_costs_nothing(score, tmp_path):
    score("--measure")
    (tmp_path / "plain.toml").write_text("measure = false\n")
    rows = score("--config", tmp_path / "plain.toml")
    assert counts(tmp_path / "ledger") == (0, 5)
    assert not set(MEASURE_COLUMNS) & rows["image-000.png"].keys()
    score()
    assert "--measure" not in score.told


def test_rows_of_vanished_photos_keep_their_measures(score, tmp_path):
    first = score("--measure")
    (tmp_path / "photos" / "image-002.png").unlink()
    second = score("--vanished", "mark")
    assert second["image-002.png"]["vanished"]
    assert measured(second["image-002.png"]) == measured(first["image-002.png"])


def test_a_measured_ledger_verifies(score, tmp_path):
    score("--measure")
    outcome = run_here("verify", "--ledger", tmp_path / "ledger")
    assert outcome.code == 0, outcome.err


def test_carried_columns_of_these_names_are_renamed(score, tmp_path):
    (tmp_path / "one.png").write_bytes(encoded(photo_like(60, 50)))
    (tmp_path / "list.csv").write_text(
        "uri,pdq_hash,Measure_noise,input_pdq_hash\none.png,theirs,loud,twice\n"
    )
    [row] = score("--measure", photos="list.csv").values()
    assert row["input_Measure_noise"] == "loud"
    assert row["input_pdq_hash"] == "twice"
    assert row["input_pdq_hash_2"] == "theirs"
    assert len(row["pdq_hash"]) == 32
