import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.carried_rows import columns_of, layout_of
from helpers.scoring_runs import tiny_run

from pipelines import open_ledger
from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.log import newest_version
from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.config import Vanished
from pipelines.scoring.listing import ListingCounts
from pipelines.scoring.planning.failure_budget import FailureBudgetError
from pipelines.scoring.planning.lost_shards import ShardTally
from pipelines.scoring.planning.plan import KeptRow, PlanCounts
from pipelines.scoring.planning.previous_state import PreviousState
from pipelines.scoring.run import Run
from pipelines.scoring.writing.publish import publish_run
from pipelines.scoring.writing.write import shard_count_for, write_shard
from schemas.failures import Failure
from schemas.ledger import LedgerRow, Score, shard_of
from schemas.manifest import CountsError, ManifestError

NO_COLUMNS = CarriedColumns()
SCORE = Score(value=3.5, std=1.0, distribution=(0.2,) * 5)


@pytest.fixture
def run(tmp_path):
    return tiny_run(tmp_path / "ledger")


def publish(summary, run: Run, images: int, **planned: int):
    """Publish a run of one shard whose inputs named some images, each of them once."""
    return publish_run(
        [summary],
        listing=ListingCounts(named=images + planned.get("repeats", 0), inputs=1),
        planned=PlanCounts(**planned),
        shards=ShardTally(),
        columns=NO_COLUMNS,
        rows=images + summary.vanished,
        run=run,
    )


def asking(run: Run, **changes) -> Run:
    """The run, but for some of what was asked."""
    return dataclasses.replace(run, asked=dataclasses.replace(run.asked, **changes))


def rows(count: int) -> list[LedgerRow]:
    scored = [
        LedgerRow(uri=f"/{i}.jpg", key=f"{i}.jpg", scores=(SCORE,))
        for i in range(count - 1)
    ]
    failed = LedgerRow(uri="/x.jpg", key="x.jpg").failed(Failure.EMPTY, "no bytes")
    return [*scored, failed]


def test_the_same_rows_in_any_order_give_the_same_file(run, tmp_path):
    first = write_shard(rows(9), shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    path = tmp_path / "ledger" / first.file.path
    data = path.read_bytes()
    again = write_shard(
        rows(9)[::-1], shard=0, shard_count=1, columns=NO_COLUMNS, run=run
    )
    assert again.file == first.file
    assert path.read_bytes() == data
    assert len(data) == first.file.size_bytes
    assert pq.read_table(path).column("uri").to_pylist() == sorted(
        row.uri for row in rows(9)
    )
    assert (first.scored, first.new_failures) == (8, {"empty": 1})


@pytest.mark.parametrize("late", [rows(9), rows(8), []])
def test_a_late_attempt_with_other_rows_changes_no_file(run, tmp_path, late):
    first = write_shard(rows(5), shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    publish(first, run, 5)
    path = tmp_path / "ledger" / first.file.path
    data = path.read_bytes()
    other = write_shard(late, shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    assert other.file.path != first.file.path
    assert path.read_bytes() == data
    assert len(list(path.parent.glob("*.parquet"))) == 2
    assert open_ledger(run.output).row_count == open_ledger(run.output).table().num_rows


def test_an_attempt_with_the_same_rows_writes_nothing_again(run, tmp_path):
    first = write_shard(rows(5), shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    path = tmp_path / "ledger" / first.file.path
    written = path.stat().st_mtime_ns, path.stat().st_ino
    again = write_shard(rows(5), shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    assert again.file == first.file
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == written


def test_shards_depend_on_the_uri_alone_and_share_the_rows():
    shards = [shard_of(f"/photos/{i}.jpg", 7) for i in range(7000)]
    assert shards == [shard_of(f"/photos/{i}.jpg", 7) for i in range(7000)]
    assert all(850 < shards.count(shard) < 1150 for shard in range(7))


@pytest.mark.parametrize(
    ("listed", "shards"), [(0, 1), (1, 1), (10, 1), (11, 2), (21, 4), (81, 16)]
)
def test_there_are_as_many_shards_as_the_rows_need(listed, shards):
    assert shard_count_for(listed, 10) == shards


def test_publishing_twice_by_one_run_changes_nothing(run):
    summary = write_shard(rows(4), shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    for _ in range(2):
        publish(summary, run, 4, repeats=1)
    assert newest_version(run.output) == 0


def test_a_lost_row_stops_publication(run):
    summary = write_shard(rows(4), shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    with pytest.raises(ManifestError, match="counts do not add up, so nothing was"):
        publish(summary, run, 5)
    assert newest_version(run.output) == -1


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        (ListingCounts(), "0 of 1 inputs and 0 of 0 files of images"),
        (
            ListingCounts(inputs=1, shards=3, listed_shards=2),
            "1 of 1 inputs and 2 of 3 files of images were listed to their end",
        ),
    ],
)
def test_a_listing_that_did_not_arrive_whole_stops_publication(run, listing, message):
    summary = write_shard([], shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    with pytest.raises(ManifestError, match=message):
        publish_run(
            [summary],
            listing=listing,
            planned=PlanCounts(),
            shards=ShardTally(),
            columns=NO_COLUMNS,
            rows=0,
            run=run,
        )
    assert newest_version(run.output) == -1


def test_the_slower_of_two_runs_publishes_nothing_and_says_where_its_rows_are(run):
    summary = write_shard(rows(4), shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    publish(summary, run, 4)
    other = dataclasses.replace(run, id="slower")
    summary = write_shard(
        rows(4), shard=0, shard_count=1, columns=NO_COLUMNS, run=other
    )
    with pytest.raises(LedgerFolderError, match="its rows are kept in runs/slower"):
        publish(summary, other, 4)


def mixed_rows(scored: int, failed: int) -> list[LedgerRow]:
    names = [f"/{i}.jpg" for i in range(scored + failed)]
    return [
        LedgerRow(uri=name, key=name, scores=(SCORE,))
        if i < scored
        else LedgerRow(uri=name, key=name).failed(Failure.NOT_AN_IMAGE, "a page")
        for i, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("scored", "failed", "published"),
    [(95, 5, True), (94, 6, False), (0, 19, True), (0, 20, False), (0, 100, False)],
)
def test_too_many_failures_publish_nothing(run, scored, failed, published):
    rows = mixed_rows(scored, failed)
    summary = write_shard(rows, shard=0, shard_count=1, columns=NO_COLUMNS, run=run)

    if not published:
        with pytest.raises(FailureBudgetError, match=f"{failed} not_an_image.* kept"):
            publish(summary, run, len(rows))
        assert newest_version(run.output) == -1
        run = asking(run, max_failure_rate=1.0)
    publish(summary, run, len(rows))
    assert newest_version(run.output) == 0


def next_run(
    run: Run,
    rows: list[LedgerRow],
    columns: CarriedColumns = NO_COLUMNS,
    **changes,
) -> Run:
    """Publish rows and return the run after that."""
    summary = write_shard(rows, shard=0, shard_count=1, columns=columns, run=run)
    publish(summary, run, len(rows))
    previous = PreviousState(ledger=run.output, shard_count=1, files=(summary.file,))
    following = dataclasses.replace(run, id="next", version=1, previous=previous)
    return asking(following, vanished=Vanished.MARK, **changes)


def vanished(row: LedgerRow) -> KeptRow:
    return KeptRow(uri=row.uri, is_vanished=True)


def test_failed_rows_of_vanished_files_do_not_count_against_the_failure_budget(run):
    run = asking(run, max_failure_rate=1.0)
    pages = mixed_rows(0, 120)
    run = next_run(run, pages, max_failure_rate=0.0)
    photos = [
        LedgerRow(uri=f"/new-{i}.jpg", key=f"{i}.jpg", scores=(SCORE,))
        for i in range(100)
    ]
    planned = [*photos, *map(vanished, pages)]
    summary = write_shard(planned, shard=0, shard_count=1, columns=NO_COLUMNS, run=run)
    manifest = publish(summary, run, 100, published=120, vanished=120)
    assert (manifest.counts.listed, manifest.counts.vanished) == (100, 120)
    assert manifest.failures == {"not_an_image": 120}


@pytest.mark.parametrize(
    ("choice", "marked", "planned", "counted"),
    [
        ("mark", 4, 4, (4, 0)),
        ("drop", 0, 4, (0, 4)),
        ("mark", 3, 4, None),
    ],
)
def test_vanished_rows_are_marked_or_dropped_but_never_lost(
    run, choice, marked, planned, counted
):
    run = next_run(run, rows(4))
    run = asking(run, vanished=Vanished(choice))
    kept = [vanished(row) for row in rows(4)[:marked]]
    summary = write_shard(kept, shard=0, shard_count=1, columns=NO_COLUMNS, run=run)

    if counted is None:
        with pytest.raises(CountsError, match="do not add up, so nothing was"):
            publish(summary, run, 0, published=4, vanished=planned)
        assert newest_version(run.output) == 0
    else:
        counts = publish(summary, run, 0, published=4, vanished=planned).counts
        assert (counts.vanished, counts.dropped) == counted


def fields(*names: str, **types: pa.DataType) -> tuple[pa.Field, ...]:
    texts = [pa.field(name, pa.string()) for name in names]
    return (*texts, *(pa.field(name, type_) for name, type_ in types.items()))


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        (fields("label", "old"), {"label": "a", "old": "x"}),
        (fields("old"), {"old": "x"}),
        (fields("mood", "label"), {"mood": None, "label": "a"}),
        (fields(label=pa.int64()), {"label": None}),
        (fields(label=pa.list_(pa.int8())), {"label": None}),
    ],
)
def test_a_vanished_row_keeps_the_carried_columns_that_this_run_has_too(
    run, tmp_path, carried, expected
):
    before = fields("label", "old")
    gone, here = (
        LedgerRow(
            uri=name,
            key=name[1:],
            scores=(SCORE,),
            carried=("a", "x"),
            layout=layout_of(*before),
        )
        for name in ("/gone.jpg", "/here.jpg")
    )
    run = next_run(run, [gone, here], columns=columns_of(*before))
    none = (None,) * len(carried)
    named = KeptRow(uri=here.uri, key="new", carried=none, layout=layout_of(*carried))
    summary = write_shard(
        [vanished(gone), named],
        shard=0,
        shard_count=1,
        columns=columns_of(*carried),
        run=run,
    )
    found = pq.read_table(tmp_path / "ledger" / summary.file.path).to_pylist()
    assert [(row["key"], row["vanished"]) for row in found] == [
        ("gone.jpg", True),
        ("new", False),
    ]
    assert {name: found[0][name] for name in expected} == expected
    assert {found[1][name] for name in expected} == {None}
    assert (summary.kept, summary.vanished, summary.file.rows) == (1, 1, 2)
