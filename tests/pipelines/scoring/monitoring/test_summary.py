"""What a finished run says of what it left out."""

import dataclasses

from helpers.scoring_runs import tiny_run

from pipelines.scoring.monitoring.summary import RunSummary, print_summary
from schemas.left_out import LeftOut
from schemas.manifest import Counts, Manifest

MANIFEST = Manifest(
    run_id="run",
    created_at="2026-01-02T03:00:00+00:00",
    counts=Counts(named=9, duplicates=1, listed=3, scored=3, failed=0, left_out=5),
    failures={},
    shard_count=1,
    files=(),
    models={},
    settings={},
    versions={},
    score_quantiles={},
    left_out=(
        LeftOut(reason="sidecars", count=1, example="a\n.xmp"),
        LeftOut(reason="videos", count=4),
    ),
    renamed={"width": "input_width"},
    not_carried={"thumbnail": "binary"},
)


def summary(manifest: Manifest = MANIFEST) -> RunSummary:
    return RunSummary.of(tiny_run(), manifest, seconds=2.0, counters={})


def test_the_table_has_a_line_for_every_reason_the_commonest_first(capsys):
    print_summary(summary())
    lines = [" ".join(part.split()) for part in capsys.readouterr().out.split("│")]
    told = lines[lines.index("left out") :]
    assert told[::3][:4] == ["left out", "videos", "sidecars", "column renamed"]
    assert told[1::3][:4] == ["5", "4", "1 (such as a\\n.xmp)", "width is input_width"]


def test_a_run_that_took_all_says_nothing_of_it(capsys):
    counts = dataclasses.replace(MANIFEST.counts, named=4, left_out=0)
    whole = dataclasses.replace(
        MANIFEST, counts=counts, left_out=(), renamed={}, not_carried={}
    )
    print_summary(summary(whole))
    assert "left out │" not in capsys.readouterr().out


def test_machines_are_told_the_same_and_it_adds_up():
    told = summary().to_dict()
    assert told["left_out"] == [
        {"reason": "sidecars", "count": 1, "example": "a\n.xmp"},
        {"reason": "videos", "count": 4, "example": None},
    ]
    assert told["renamed"] == {"width": "input_width"}
    assert told["not_carried"] == {"thumbnail": "binary"}
    counts = told["counts"]
    assert counts["left_out"] == sum(one["count"] for one in told["left_out"])
    assert counts["named"] == sum(
        counts[name] for name in ("listed", "duplicates", "left_out")
    )
