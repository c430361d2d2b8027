import dataclasses
import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.failures import DETAIL_MAX_CHARACTERS, Failure, ImageFailure
from schemas.ledger import (
    MEASURE_COLUMNS,
    LedgerError,
    LedgerModel,
    LedgerRow,
    Score,
    Status,
    ledger_schema,
    rows_to_table,
)
from schemas.measures import Measures, MeasuresError

KONIQ = LedgerModel(name="koniq", digest="a" * 64, has_distribution=False)
AVA = LedgerModel(name="ava", digest="b" * 64, has_distribution=True)
STARTED = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)

MEASURES = Measures(
    sharpness=1.0,
    sharpness_tile=2.0,
    brightness=3.0,
    contrast=4.0,
    colorfulness=5.0,
    entropy=7.5,
    clipped_dark=0.0,
    clipped_bright=1.0,
    noise=None,
    pdq_hash=bytes(range(32)),
    pdq_quality=100,
)


def table(rows, carried=None, models=(KONIQ, AVA)):
    return rows_to_table(
        rows, carried=carried, models=models, run_id="run", run_started_at=STARTED
    )


def test_columns_stand_in_the_documented_order():
    schema = ledger_schema([pa.field("label", pa.int64())], [KONIQ, AVA])
    assert schema.names == [
        *("uri", "key", "label"),
        *("size_bytes", "generation", "modified_at", "sha256"),
        *("format", "width", "height", "frames", "orientation", "icc"),
        *("status", "failure", "failure_detail", "transient"),
        *("musiq_koniq", "musiq_koniq_model"),
        *("musiq_ava", "musiq_ava_std", "musiq_ava_distribution", "musiq_ava_model"),
        *("tokens", "shrink_factor", "vanished", "run_id", "scored_at"),
    ]
    assert schema.metadata == {b"musiq_ledger_version": b"3"}


def test_measures_stand_behind_the_scores():
    names = ledger_schema([], [KONIQ], is_measured=True).names
    place = names.index("musiq_koniq_model") + 1
    assert tuple(names[place:-5]) == MEASURE_COLUMNS
    assert set(names) - set(ledger_schema([], [KONIQ]).names) == set(MEASURE_COLUMNS)


def test_a_failed_row_has_no_measures():
    row = LedgerRow(uri="u", key="k", measures=MEASURES)
    failed = dataclasses.replace(row, key="l").failed(Failure.BAD_SCORE, "no")
    found = rows_to_table(
        [row, failed],
        models=(),
        run_id="run",
        run_started_at=STARTED,
        is_measured=True,
    ).select(MEASURE_COLUMNS)
    first, second = found.to_pylist()
    assert first["measure_entropy"] == 7.5
    assert (first["measure_noise"], first["pdq_quality"]) == (None, 100)
    assert first["pdq_hash"] == bytes(range(32))
    assert set(second.values()) == {None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sharpness": float("nan")},
        {"sharpness": float("inf")},
        {"entropy": -1.0},
        {"entropy": None},
        {"contrast": "7"},
        {"brightness": True},
        {"pdq_hash": b"short"},
        {"pdq_hash": "x" * 32},
        {"pdq_quality": 101},
        {"pdq_quality": 5.0},
    ],
)
def test_measures_that_cannot_be_are_refused(wrong):
    [name] = wrong
    with pytest.raises(MeasuresError, match=name):
        dataclasses.replace(MEASURES, **wrong)


def test_a_scored_row_has_its_scores_and_no_failure():
    scores = (Score(value=61.5), Score(value=5.5, std=1.5, distribution=(0.5, 0.5)))
    row = LedgerRow(uri="/a.jpg", key="a.jpg", scores=scores, tokens=451)
    [found] = table([row]).to_pylist()
    assert row.status is Status.SCORED
    assert found["musiq_koniq"] == 61.5
    assert found["musiq_koniq_model"] == KONIQ.digest
    assert (found["musiq_ava_std"], found["musiq_ava_distribution"]) == (
        1.5,
        [0.5, 0.5],
    )
    assert (found["failure"], found["transient"]) == (None, None)
    assert found["vanished"] is False
    assert (found["tokens"], found["scored_at"], found["run_id"]) == (
        451,
        STARTED,
        "run",
    )


def test_a_failed_row_has_nulls_where_scores_would_be():
    row = LedgerRow(uri="/a.jpg", key="a.jpg", scores=(Score(value=1), Score(value=1)))
    [found] = table([row.failed(Failure.READ_ERROR, "short")]).to_pylist()
    assert (found["status"], found["failure"]) == ("failed", "read_error")
    assert (found["failure_detail"], found["transient"]) == ("short", True)
    assert {v for k, v in found.items() if k.startswith("musiq_")} == {None}
    assert found["scored_at"] is None


def test_carried_values_come_back_as_they_came(tmp_path):
    when = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", tz="Europe/Berlin"))
    carried = pa.table({"when": when, "tags": [["a", "b"]]})
    row = LedgerRow(uri="u", key="k")
    pq.write_table(table([row], carried=carried), tmp_path / "x.parquet")
    found = pq.read_table(tmp_path / "x.parquet")
    assert found.column("when").cast(pa.int64())[0].as_py() == 1_700_000_000_123_456_789
    assert found.column("tags")[0].as_py() == ["a", "b"]


@pytest.mark.parametrize(
    "name", ["uri", "Status", "MUSIQ_koniq", "vanished", "PDQ_hash", "measure_noise"]
)
def test_an_input_column_must_not_take_a_ledger_columns_name(name):
    with pytest.raises(LedgerError, match=f"'{name}' has the name of a ledger column"):
        ledger_schema([pa.field(name, pa.string())], [KONIQ])


def test_two_input_columns_must_not_differ_only_by_case():
    fields = [pa.field("label", pa.string()), pa.field("Label", pa.string())]
    with pytest.raises(LedgerError, match="would repeat: Label, label"):
        ledger_schema(fields, [KONIQ])


def test_models_must_not_share_columns():
    std = LedgerModel(name="ava_std", digest="c" * 64, has_distribution=False)
    with pytest.raises(LedgerError, match="would repeat: musiq_ava_std"):
        ledger_schema([], [AVA, std])


def test_failure_details_are_short_and_printable():
    failure = ImageFailure(Failure.INTERNAL, "a\nb\x1b[31m" + "x" * 1000)
    assert "\n" not in failure.detail
    assert "\x1b" not in failure.detail
    assert len(failure.detail) == DETAIL_MAX_CHARACTERS
