"""`pipelines.ScoreImages` in a pipeline of somebody else's."""

import hashlib

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from helpers.make_images import encoded, noise
from helpers.tiny_models import tiny_model_file

from pipelines import ScoreImages
from pipelines.scoring.score_images import _named
from schemas.errors import MusiqError
from schemas.ledger import MEASURE_COLUMNS, LedgerModel, ledger_schema

GOOD = encoded(noise(40, 50))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(tiny_model_file())
    return str(path)


def test_names_and_bytes_become_rows_and_failures_stay_data(model, tmp_path):
    (tmp_path / "a.png").write_bytes(GOOD)
    elements = [
        str(tmp_path / "a.png"),
        ("same", GOOD),
        str(tmp_path / "absent.png"),
        "ftp://user:secret@host/x.jpg",
        ("page", b"<html>"),
        ("empty", b""),
        ("large", bytes(len(GOOD) + 1)),
    ]
    columns = set(
        ledger_schema(
            (), [LedgerModel(name="tiny", digest="", has_distribution=True)]
        ).names
    )

    def check(rows):
        by_key = {row["key"]: row for row in rows}
        assert len(by_key) == len(rows) == len(elements)
        same, alone = by_key["same"], by_key[str(tmp_path / "a.png")]
        assert same["musiq_tiny"] == pytest.approx(alone["musiq_tiny"], abs=1e-5)
        assert same["status"] == alone["status"] == "scored"
        assert same["sha256"] == alone["sha256"] == hashlib.sha256(GOOD).hexdigest()
        assert (same["width"], same["height"], same["format"]) == (50, 40, "PNG")
        failures = {
            key: row["failure"] for key, row in by_key.items() if row["failure"]
        }
        assert failures == {
            str(tmp_path / "absent.png"): "not_found",
            "ftp://host/x.jpg": "forbidden_uri",
            "page": "not_an_image",
            "empty": "empty",
            "large": "too_large",
        }
        for row in rows:
            assert row.keys() == columns - {"run_id", "scored_at", "vanished"}
            assert (row["musiq_tiny"] is None) == (row["failure"] is not None)

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        rows = (
            pipeline
            | beam.Create(elements)
            | ScoreImages([model], max_file_bytes=len(GOOD))
        )
        assert_that(rows, check)


def test_measures_are_columns_if_they_are_asked_for(model):
    def check(rows):
        good, empty = sorted(rows, key=lambda row: row["key"] != "good")
        assert len(good["pdq_hash"]) == 32
        assert good["measure_sharpness"] > 0
        assert {empty[name] for name in MEASURE_COLUMNS} == {None}

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        elements = pipeline | beam.Create([("good", GOOD), ("empty", b"")])
        assert_that(elements | ScoreImages([model], measure=True), check)


def test_what_cannot_work_is_refused_before_the_job(model, tmp_path):
    with pytest.raises(MusiqError, match="absent"):
        ScoreImages([str(tmp_path / "absent.safetensors")])
    with pytest.raises(ValueError, match="needs at least one model"):
        ScoreImages([])
    with pytest.raises(ValueError, match="'abacus' is not a valid Device"):
        ScoreImages([model], device="abacus")


def test_an_element_of_another_kind_is_a_mistake():
    with pytest.raises(TypeError, match="names and pairs of a name and bytes, got int"):
        list(_named(3))  # type: ignore[arg-type]
