"""Labels meet the rows of a ledger and become a calibration that others apply."""

import json

import numpy as np
import pyarrow as pa
import pytest

from pipelines.selecting.calibration.calibrate import CalibratedModel, calibrate
from pipelines.selecting.calibration.calibration_file import (
    Calibration,
    CalibrationError,
    read_calibration,
    write_calibration,
)
from pipelines.selecting.calibration.labels import Labels
from pipelines.selecting.calibration.show_calibration import calibration_lines
from schemas.errors import MusiqError, UsageError

MODEL = CalibratedModel(name="koniq", digest="d" * 64)


def batches_of(scores) -> list[pa.RecordBatch]:
    uris = [f"/p/{number}.jpg" for number in range(len(scores))]
    columns = {"uri": uris, "musiq_koniq": pa.array(scores, pa.float32())}
    return pa.table(columns).to_batches(max_chunksize=100)


def labels_of(values: dict[int, float], is_rating=False) -> Labels:
    named = {f"/p/{number}.jpg": float(value) for number, value in values.items()}
    return Labels(file="/p/labels.csv", values=named, is_rating=is_rating)


def every_tenth(limit: float) -> dict[int, float]:
    """Labels of every tenth of a thousand photos, whose scores are their numbers."""
    return {number: float(number >= limit) for number in range(0, 1000, 10)}


def test_the_cut_for_a_precision_keeps_its_share_of_the_ledger():
    scores = list(range(1000))
    result = calibrate(
        batches_of(scores), labels_of(every_tenth(500)), MODEL, wanted_precision=0.9
    )
    assert (result.labels, result.good, result.without_score) == (100, 50, 0)
    cut = result.proposed.cut
    assert 450 <= cut <= 720
    assert result.pass_rate == pytest.approx((1000 - cut) / 1000)
    assert result.calibration.cut == cut
    assert [round(one.pass_rate, 1) for one in result.cuts] == [
        *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    ]
    assert result.cuts[0].precision[0] == 1.0
    assert result.cuts[-1].recall[0] == 1.0
    meant = result.calibration.apply(pa.array([0.0, 999.0, None], pa.float32()))
    assert meant.to_pylist() == [0.0, 1.0, None]
    lines = list(calibration_lines(result))
    assert lines[0] == "100 labelled photos with a score of koniq, 50 of them good"
    assert f"for a precision of 90%: --min koniq={cut:.9g}, which keeps" in lines[-1]


def test_a_score_that_is_better_lower_is_cut_from_above():
    model = CalibratedModel(name="koniq", digest="d" * 64, higher_is_better=False)
    labels = labels_of({n: float(n < 500) for n in range(0, 1000, 10)})
    result = calibrate(
        batches_of(list(range(1000))), labels, model, wanted_precision=0.9
    )
    assert 280 <= result.proposed.cut <= 550
    assert result.pass_rate == pytest.approx((result.proposed.cut + 1) / 1000)
    assert "--max koniq=" in list(calibration_lines(result))[-1]


def test_ratings_become_a_map_and_with_a_limit_a_cut():
    scores = list(range(1000))
    labels = labels_of({n: 1 + 4 * n / 999 for n in range(0, 1000, 10)}, is_rating=True)
    result = calibrate(batches_of(scores), labels, MODEL)
    assert (result.cuts, result.good, result.proposed) == ((), None, None)
    meant = result.calibration.apply(pa.array([0.0, 505.0], pa.float32())).to_pylist()
    assert meant == pytest.approx([1.0, 1 + 4 * 505 / 999], abs=1e-4)
    with_limit = calibrate(
        batches_of(scores), labels, MODEL, wanted_precision=0.8, good_rating=3
    )
    assert with_limit.proposed.cut is not None
    with pytest.raises(UsageError, match=r"has ratings: say from which one on a photo"):
        calibrate(batches_of(scores), labels, MODEL, wanted_precision=0.8)
    with pytest.raises(UsageError, match=r"has no ratings: leave --good_rating out"):
        calibrate(batches_of(scores), labels_of({1: 1}), MODEL, good_rating=3)


def test_few_labels_say_how_many_more():
    labels = labels_of({n: 1.0 for n in range(0, 20)})
    result = calibrate(
        batches_of(list(range(1000))), labels, MODEL, wanted_precision=0.9
    )
    lines = list(calibration_lines(result))
    assert "some 9 more labels like these would show it" in lines[-2]
    assert lines[-1].startswith("80 more labels make intervals of some ten points")


def test_labels_of_other_photos_are_one_line():
    with pytest.raises(UsageError) as caught:
        calibrate(batches_of([1.0, 2.0]), labels_of({0: 1, 7: 1, 8: 0}), MODEL)
    assert str(caught.value) == (
        "/p/labels.csv: 2 of 3 labels are of photos that the ledger does not have, "
        "such as /p/7.jpg; name photos by the ledger's column uri"
    )


def test_photos_without_a_score_say_nothing():
    result = calibrate(batches_of([1.0, None]), labels_of({0: 1, 1: 0}), MODEL)
    assert (result.labels, result.without_score) == (1, 1)
    lines = list(calibration_lines(result))
    assert lines[1] == "1 labelled photos have no score and say nothing"
    with pytest.raises(UsageError, match="has a score in musiq_koniq"):
        calibrate(batches_of([None]), labels_of({0: 1}), MODEL)


def test_a_calibration_is_read_as_it_was_written(tmp_path):
    result = calibrate(
        batches_of(list(range(1000))), labels_of(every_tenth(300)), MODEL
    )
    path = str(tmp_path / "calibration.json")
    write_calibration(result.calibration, path)
    found = read_calibration(path)
    assert found == result.calibration
    scores = np.linspace(0, 1000, 30)
    assert (found.map.apply(scores) == result.calibration.map.apply(scores)).all()
    with pytest.raises(UsageError, match="exists already"):
        write_calibration(result.calibration, path)
    found.require_model({"koniq": {"digest": "d" * 64}}, "ledger/")


def test_another_models_scores_are_not_calibrated():
    calibration = Calibration(
        model="koniq",
        digest="d" * 64,
        meaning="keep",
        labels=3,
        higher_is_better=True,
        scores=(1.0, 2.0),
        values=(0.0, 1.0),
    )
    with pytest.raises(
        CalibrationError, match=r"and koniq of ledger/ is eeeeeeeeeeee, "
    ):
        calibration.require_model({"koniq": {"digest": "e" * 64}}, "ledger/")
    with pytest.raises(
        CalibrationError, match="of the model koniq, and ledger/ has ava"
    ):
        calibration.require_model({"ava": {"digest": "d" * 64}}, "ledger/")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "x"},
            "is no calibration: `musiq select --calibration_output` writes",
        ),
        ({"version": 2}, "is a calibration of version 2, and 1 is read"),
        ({"scores": [2.0, 1.0]}, "is no calibration: the scores of a map must rise"),
        ({"scores": "x"}, "is no calibration: "),
        ({"surprise": 1}, "is no calibration: "),
    ],
)
def test_what_is_no_calibration_is_one_line(tmp_path, change, message):
    told = {
        **{"kind": "musiq-calibration", "version": 1, "model": "koniq", "labels": 3},
        **{"digest": "d" * 64, "meaning": "keep", "higher_is_better": True},
        **{"scores": [1.0, 2.0], "values": [0.0, 1.0], "cut": None},
    }
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(told))
    read_calibration(str(path))
    path.write_text(json.dumps(told | change))
    with pytest.raises(MusiqError) as caught:
        read_calibration(str(path))
    assert message in str(caught.value)
    path.write_text("{")
    with pytest.raises(CalibrationError, match="is no calibration: Expecting"):
        read_calibration(str(path))
