"""What is kept is what a computation by hand keeps: pandas, row by row."""

import dataclasses
import math
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.given_ledger import MODELS, given_ledger
from helpers.local_server import environment
from helpers.run_musiq import run_here
from helpers.written_ledger import write_ledger
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines.ledger.reader import open_ledger
from pipelines.selecting.config import SelectingConfig
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.select_photos import select_photos
from pipelines.selecting.selection import Selection

CARRIED = [pa.field("camera", pa.string()), pa.field('le"ns no', pa.int64())]
# Conditions in SQL, and in pandas, whose nullable types know three answers, too.
CONDITIONS = {
    "width >= 300": lambda rows: rows.width >= 300,
    "camera <> 'a' or width = 100": lambda rows: (
        (rows.camera != "a") | (rows.width == 100)
    ),
    '"le""ns no" is not null': lambda rows: rows.lens.notna(),
    "musiq_koniq between 20 and 80": lambda rows: (
        (rows.koniq >= 20) & (rows.koniq <= 80)
    ),
}
TYPES = {
    "uri": "string",
    "koniq": "Float64",
    "noise": "Float64",
    "camera": "string",
    "lens": "Int64",
    "width": "Int64",
    "failed": bool,
    "vanished": bool,
}
SCORES = st.sampled_from([None, 0.0, -0.0, 20.0, 20.5, 80.0, 99.5, 100.0, 120.0])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "koniq": SCORES,
            "noise": st.sampled_from([None, -1.0, -0.5, 0.0, 0.25, 1.0]),
            "camera": st.sampled_from([None, "a", "b", "c'd", ""]),
            "lens": st.sampled_from([None, 1, 2]),
            "width": st.sampled_from([None, 100, 300, 500]),
            "failed": st.booleans().filter(bool) | st.just(False),
            "vanished": st.sampled_from([False, False, False, True]),
        }
    ),
    min_size=1,
    max_size=30,
)
CHOICES = st.one_of(
    st.just({}),
    st.builds(lambda k: {"top_k": f"koniq={k}"}, st.integers(1, 12)),
    st.builds(lambda k: {"top_k": f"noise={k}"}, st.integers(1, 12)),
    st.builds(
        lambda p: {"top_percent": f"koniq={p}"}, st.sampled_from(["10", "33.3", "100"])
    ),
    st.builds(
        lambda p: {"drop_worst": f"noise={p}%"}, st.sampled_from(["20", "5", "99.9"])
    ),
    st.builds(
        lambda text, k: {"score": text, "top_k": str(k)},
        st.sampled_from(
            [
                "0.7*koniq + 0.3*rank(noise)",
                "rank(koniq) - noise",
                "koniq / (noise - 1)",
                "2*noise",
            ]
        ),
        st.integers(1, 12),
    ),
)
BOUNDS = st.lists(
    st.sampled_from(
        [
            ("min", "koniq=20"),
            ("min", "koniq=p50"),
            ("max", "koniq=p90"),
            ("max", "noise=0.25"),
            ("min", "noise=p0"),
        ]
    ),
    max_size=2,
    unique=True,
)


def by_hand(rows: list[dict], asked: dict) -> set[str]:
    """The URIs that are kept."""
    table = pd.DataFrame(rows).astype(TYPES)
    current = table[~table.failed & ~table.vanished]
    kept = current
    for text in asked["where"]:
        kept = kept[CONDITIONS[text](kept).fillna(False)]
    for flag in ("min", "max"):
        for bound in asked[flag]:
            name, _, amount = bound.partition("=")
            value = value_by_hand(current[name].dropna(), amount)
            held = kept[name] >= value if flag == "min" else kept[name] <= value
            kept = kept[held.fillna(False)]
    flag = next((f for f in ("top_k", "top_percent", "drop_worst") if f in asked), None)
    if flag is None:
        return set(kept.uri)
    name, _, amount = asked[flag].rpartition("=")
    by = formula_by_hand(kept, current, asked["score"]) if "score" in asked else None
    kept = kept.assign(by=better(kept, name) if by is None else by).dropna(subset="by")
    kept = kept.sort_values(["by", "uri"], ascending=[False, True])
    columns = [{"camera": "camera", 'le"ns no': "lens"}[one] for one in asked["per"]]
    if not columns:
        return set(kept.uri[: count_by_hand(len(kept), flag, amount, asked)])
    return {
        uri
        for _, group in kept.groupby(columns, dropna=False)
        for uri in group.uri[: count_by_hand(len(group), flag, amount, asked)]
    }


def value_by_hand(scores: pd.Series, amount: str) -> float:
    if not amount.startswith("p"):
        return float(amount)
    if scores.empty:
        return math.nan
    share = float(amount[1:]) / 100
    return float(np.quantile(scores.astype(float), share, method="inverted_cdf"))


def count_by_hand(rows: int, flag: str, amount: str, asked: dict) -> int:
    share = Fraction(amount.rstrip("%")) / 100
    count = {
        "top_k": int(share * 100),
        "top_percent": math.ceil(rows * share),
        "drop_worst": rows - math.floor(rows * share),
    }[flag]
    count = max(count, asked.get("at_least", 0))
    return min(count, asked.get("at_most", count))


def better(rows: pd.DataFrame, name: str) -> pd.Series:
    """A model's score such that more is better."""
    return rows[name] if MODELS[name]["higher_is_better"] else -rows[name]


def formula_by_hand(kept: pd.DataFrame, current: pd.DataFrame, text: str) -> pd.Series:
    def share(name: str) -> pd.Series:
        low, high = MODELS[name]["score_range"]
        value = (kept[name].astype(float) - low) / (high - low)
        return value if MODELS[name]["higher_is_better"] else 1 - value

    def rank(name: str) -> pd.Series:
        ranks = better(current, name).rank(method="max", pct=True)
        return ranks.astype(float).loc[kept.index]

    with np.errstate(all="ignore"):
        value = {
            "0.7*koniq + 0.3*rank(noise)": lambda: (
                0.7 * share("koniq") + 0.3 * rank("noise")
            ),
            "rank(koniq) - noise": lambda: rank("koniq") - share("noise"),
            "koniq / (noise - 1)": lambda: share("koniq") / (share("noise") - 1),
            "2*noise": lambda: 2 * share("noise"),
        }[text]()
    return value.astype(np.float32).replace([np.inf, -np.inf], np.nan)


def ledger_rows(rows: list[dict]) -> list[dict]:
    return [
        {
            "uri": row["uri"],
            "musiq_koniq": None if row["failed"] else row["koniq"],
            "musiq_noise": None if row["failed"] else row["noise"],
            "camera": row["camera"],
            'le"ns no': row["lens"],
            "width": row["width"],
            "failure": "empty" if row["failed"] else None,
            "vanished": row["vanished"],
        }
        for row in rows
    ]


def select(folder: str, threads: int | None = None, **asked) -> Selection:
    request = SelectingConfig(ledger=folder, dry_run=True, **asked).request()
    return select_photos(open_ledger(folder), request, threads=threads)


def require_whole(selection: Selection, rows: list[dict]) -> None:
    """Each row is kept or has one reason, and the counts say so."""
    kept = selection.table(["uri"]).column("uri").to_pylist()
    rest = pa.Table.from_batches(
        selection.rest(["uri"]), selection.rest_schema(["uri"])
    )
    uris = kept + rest.column("uri").to_pylist()
    assert sorted(uris) == sorted(row["uri"] for row in rows)
    assert len(kept) == selection.kept
    assert "" not in rest.column("reason").to_pylist()
    steps = selection.steps()
    assert sum(step.removed for step in steps) + selection.kept == len(rows)
    assert all(sum(step.reasons.values()) == step.removed for step in steps)
    groups = selection.groups()
    if groups:
        assert sum(group.kept for group in groups) == selection.kept
        assert sum(group.scored for group in groups) == selection.scored


@settings(deadline=None, max_examples=40, phases=[Phase.generate])
@given(
    rows=ROWS,
    shards=st.sampled_from([1, 4]),
    where=st.lists(st.sampled_from(list(CONDITIONS)), max_size=2, unique=True),
    bounds=BOUNDS,
    choice=CHOICES,
    per=st.sampled_from([(), ("camera",), ("camera", 'le"ns no')]),
    quotas=st.sampled_from(
        [{}, {"at_least": 2}, {"at_most": 3}, {"at_least": 1, "at_most": 2}]
    ),
)
def test_a_selection_equals_a_computation_by_hand(
    rows, shards, where, bounds, choice, per, quotas
):
    names = ["é", "z", "a", "B", "ab", "名"]
    rows = [
        row | {"uri": f"/p/{names[n % len(names)]}{(n * 7) % 31:02d}.jpg"}
        for n, row in enumerate(rows)
    ]
    asked = {"where": tuple(where), "per": per, **choice}
    asked |= {flag: tuple(b for f, b in bounds if f == flag) for flag in ("min", "max")}
    if choice and per:
        asked |= quotas
    folder = Path(tempfile.mkdtemp())
    try:
        ledger = given_ledger(
            folder / "ledger", ledger_rows(rows), carried=CARRIED, shards=shards
        )
        selection = select(ledger, **asked)
        kept = set(selection.table(["uri"]).column("uri").to_pylist())
        assert kept == by_hand(rows, asked)
        require_whole(selection, rows)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """3,000 photos in 4 files: many equal scores, some failed."""
    random = np.random.default_rng(0)
    rows = [
        {
            "musiq_koniq": float(random.integers(0, 40)),
            "musiq_noise": 0.0,
            "camera": f"camera {random.integers(0, 5)}",
            "width": int(random.integers(100, 1000)),
            "failure": "truncated" if n % 50 == 0 else None,
        }
        for n in range(3_000)
    ]
    folder = tmp_path_factory.mktemp("select") / "ledger"
    return given_ledger(folder, rows, carried=CARRIED[:1], shards=4)


CASES = {
    "conditions": {"where": ("width > 500",), "min": ("koniq=p20",)},
    "top_percent": {"top_percent": "koniq=10", "per": ("camera",)},
    "sample": {"sample": "20%", "per": ("camera",), "seed": 3},
    "bins": {"sample_per_bin": "koniq=5", "bins": 7},
    "formula": {"score": "koniq + rank(noise)", "drop_worst": "30%"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_request_gives_the_same_bytes_with_any_number_of_threads(
    case, ledger, tmp_path
):
    written = []
    for number, threads in enumerate((1, 2, 2)):
        selection = select(ledger, threads, **CASES[case])
        path = tmp_path / f"{number}.parquet"
        pq.write_table(selection.table(), path)
        written.append(path.read_bytes())
    assert selection.kept
    assert len(set(written)) == 1


def test_a_sample_is_of_the_asked_size_by_seed_and_of_each_group(ledger):
    draws = [
        select(ledger, sample="7", per=("camera",), seed=seed).table(["uri", "camera"])
        for seed in (1, 1, 2)
    ]
    assert draws[0].equals(draws[1])
    assert not draws[0].equals(draws[2])
    cameras = draws[0].column("camera").to_pylist()
    assert {cameras.count(camera) for camera in set(cameras)} == {7}
    assert len(set(cameras)) == 5


def test_a_sample_of_a_share_is_spread_evenly(ledger):
    selection = select(ledger, sample="50%")
    assert selection.kept == 1470
    mean = np.mean(selection.table(["musiq_koniq"]).column("musiq_koniq").to_numpy())
    assert abs(mean - 19.5) < 1


def test_bins_of_scores_give_the_same_number_each(ledger):
    kept = select(ledger, sample_per_bin="koniq=6", bins=4).table(["musiq_koniq"])
    scores = kept.column("musiq_koniq").to_numpy()
    assert np.bincount(np.minimum(scores / 39 * 4, 3).astype(int)).tolist() == [6] * 4


def test_a_grown_ledger_keeps_most_of_its_sample(tmp_path):
    def drawn(count: int) -> set[str]:
        rows = [{"musiq_koniq": 1.0} for _ in range(count)]
        folder = given_ledger(tmp_path / str(count), rows)
        return set(select(folder, sample="20").table(["uri"]).column("uri").to_pylist())

    assert len(drawn(200) & drawn(220)) >= 15


def test_near_misses_lie_on_both_sides_of_the_cut(tmp_path):
    rows = [{"musiq_koniq": float(n)} for n in range(10)]
    folder = given_ledger(tmp_path / "ledger", rows)
    selection = select(folder, top_k="koniq=4")
    assert selection.cut == 6.0
    found = [(one.score, one.is_kept) for one in selection.near_misses(2)]
    assert found == [(7.0, True), (6.0, True), (5.0, False), (4.0, False)]
    assert select(folder, top_k="koniq=20").near_misses(1)[0].score == 0.0
    for bounds, expected in (
        ({"min": ("koniq=4",)}, [4.0, 3.0]),
        ({"max": ("koniq=4",)}, [4.0, 5.0]),
        ({"min": ("koniq=9",), "max": ("koniq=9",)}, [9.0]),
    ):
        near = select(folder, **bounds).near_misses(1)
        assert [one.score for one in near] == expected
    assert select(folder, sample="3").near_misses() == []
    assert select(folder, top_k="koniq=1", per=("width",)).near_misses() == []


def test_the_rest_says_why_each_row_is_not_kept(tmp_path):
    rows = [
        {"uri": "/a", "musiq_koniq": 90.0, "width": 800},
        {"uri": "/b", "musiq_koniq": 80.0, "width": 800},
        {"uri": "/c", "musiq_koniq": 80.0, "width": 800},
        {"uri": "/d", "musiq_koniq": 70.0, "width": 800},
        {"uri": "/e", "musiq_koniq": 5.0, "width": 800},
        {"uri": "/f", "musiq_koniq": 99.0, "width": 8},
        {"uri": "/g", "musiq_koniq": 99.0},
        {"uri": "/h", "failure": "truncated"},
        {"uri": "/i", "musiq_koniq": 99.0, "vanished": True},
        {"uri": "/j", "width": 800},
    ]
    folder = given_ledger(tmp_path / "ledger", rows)
    selection = select(
        folder, where=("width > 10",), min=("koniq=10",), top_k="koniq=2"
    )
    rest = pa.Table.from_batches(selection.rest(["uri"]))
    assert {row["uri"]: row["reason"] for row in rest.to_pylist()} == {
        "/c": "as good as the last within --top_k koniq=2, later by name",
        "/d": "not within --top_k koniq=2",
        "/e": "score is beyond --min koniq=10",
        "/f": "not width > 10",
        "/g": "null, neither true nor not: width > 10",
        "/h": "failed: truncated",
        "/i": "vanished",
        "/j": "no score of koniq",
    }


def test_one_cannot_tell_within_some_deviations_of_a_cut(tmp_path):
    rows = [
        {"uri": f"/{n}", "musiq_koniq": 10.0 * n, "musiq_koniq_std": 6.0}
        for n in range(10)
    ]
    folder = given_ledger(tmp_path / "ledger", rows, with_std=["koniq"])

    def unsure(**asked) -> list[str]:
        selection = select(folder, cannot_tell=2, **asked)
        rest = pa.Table.from_batches(selection.rest(["uri"])).to_pylist()
        return [row["uri"] for row in rest if row["reason"].startswith("cannot tell")]

    assert unsure(min=("koniq=50",)) == ["/4"]
    assert unsure(max=("koniq=50",)) == ["/6"]
    assert unsure(top_k="koniq=3") == ["/6"]
    with pytest.raises(SelectionError, match="needs the column musiq_noise_std"):
        select(folder, min=("noise=0",), cannot_tell=1)
    with pytest.raises(SelectionError, match="not of --score or samples"):
        select(folder, score="koniq", top_k="3", cannot_tell=1)


def test_a_version_of_a_ledger_is_selected_from(tmp_path):
    for version in range(2):
        rows = [{"musiq_koniq": float(n)} for n in range(version + 2)]
        given_ledger(tmp_path / "ledger", rows, version=version)
    assert select(str(tmp_path / "ledger")).rows == 3
    assert select(f"{tmp_path / 'ledger'}@0").rows == 2


def test_too_many_groups_are_one_line(ledger, monkeypatch):
    monkeypatch.setattr("pipelines.selecting.choosing.group_codes.MAX_GROUPS", 4)
    with pytest.raises(SelectionError, match=r"--per camera has more than 4 groups"):
        select(ledger, top_k="koniq=1", per=("camera",))


def test_where_all_scores_are_equal_names_decide(tmp_path):
    rows = [{"uri": f"/{n:03d}", "musiq_koniq": 5.0} for n in range(100)]
    folder = given_ledger(tmp_path / "ledger", rows, shards=4)
    kept = select(folder, top_percent="koniq=7").table(["uri"]).column("uri")
    assert sorted(kept.to_pylist()) == [f"/{n:03d}" for n in range(7)]


@pytest.mark.parametrize("store", ["gcs", "s3"])
def test_a_ledger_in_a_bucket_is_selected_from_alike(store, request, tmp_path):
    found = request.getfixturevalue(store)
    scores = [0.25, None, 0.75, 0.5, 0.125, 0.5]
    uri = f"{found.uri}/{tmp_path.name}/ledger"
    with environment(found.env):
        write_ledger(uri, scores)
        selection = select(uri, where=("status = 'scored'",), top_k="2")
        kept = selection.table(["key", "musiq_tiny"]).to_pylist()
        done = run_here(
            *("select", "--ledger", uri, "--top_k", 2, "--quiet", "--output"),
            f"{found.uri}/{tmp_path.name}/kept.csv",
        )
    assert sorted(row["key"] for row in kept) == ["photo-2.png", "photo-3.png"]
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_request_is_frozen(ledger):
    selection = select(ledger, top_k="koniq=1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        selection.kept_rows = 3
