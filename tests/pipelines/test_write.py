import dataclasses
import datetime

import pyarrow.parquet as pq
import pytest
from helpers.tiny_models import TINY, tiny_model_file

from musiq_core.model_file import read_model_file
from pipelines.ledger_folder import LedgerFolderError, newest_manifest_number
from pipelines.scoring.config import ScoringConfig, ScoringModel
from pipelines.scoring.inputs import Input, InputKind
from pipelines.scoring.publish import FailureBudgetError, publish_run
from pipelines.scoring.write import shard_count_for, write_shard
from schemas.failures import Failure
from schemas.ledger import LedgerModel, LedgerRow, Score, shard_of
from schemas.manifest import ManifestError

SCORE = Score(value=3.5, std=1.0, distribution=(0.2,) * 5)


@pytest.fixture
def config(tmp_path):
    model = read_model_file(tiny_model_file())
    columns = LedgerModel(name="tiny", digest=model.digest, has_distribution=True)
    return ScoringConfig(
        inputs=(Input(number=0, uri="/photos/", kind=InputKind.FOLDER),),
        output=str(tmp_path / "ledger"),
        models=(ScoringModel(uri="m", columns=columns, config=TINY, card=model.card),),
        run_id="run",
        started_at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        manifest_number=1,
    )


def rows(count: int) -> list[LedgerRow]:
    scored = [
        LedgerRow(uri=f"/{i}.jpg", key=f"{i}.jpg", scores=(SCORE,))
        for i in range(count - 1)
    ]
    failed = LedgerRow(uri="/x.jpg", key="x.jpg").failed(Failure.EMPTY, "no bytes")
    return [*scored, failed]


def test_the_same_rows_in_any_order_give_the_same_file(config, tmp_path):
    first = write_shard(rows(9), shard=0, shard_count=1, config=config)
    path = tmp_path / "ledger" / first.file.path
    data = path.read_bytes()
    again = write_shard(rows(9)[::-1], shard=0, shard_count=1, config=config)
    assert again.file == first.file
    assert path.read_bytes() == data
    assert len(data) == first.file.size_bytes
    assert pq.read_table(path).column("uri").to_pylist() == sorted(
        row.uri for row in rows(9)
    )
    assert (first.scored, first.new_failures) == (8, {"empty": 1})


def test_shards_depend_on_the_uri_alone_and_share_the_rows():
    shards = [shard_of(f"/photos/{i}.jpg", 7) for i in range(7000)]
    assert shards == [shard_of(f"/photos/{i}.jpg", 7) for i in range(7000)]
    assert all(850 < shards.count(shard) < 1150 for shard in range(7))


@pytest.mark.parametrize(
    ("listed", "shards"), [(0, 1), (1, 1), (10, 1), (11, 2), (21, 4), (81, 16)]
)
def test_there_are_as_many_shards_as_the_rows_need(listed, shards):
    assert shard_count_for(listed, 10) == shards


def test_publishing_twice_by_one_run_changes_nothing(config):
    summary = write_shard(rows(4), shard=0, shard_count=1, config=config)
    for _ in range(2):
        publish_run([summary], named=5, duplicates=1, listed=4, config=config)
    assert newest_manifest_number(config.output) == 1


def test_a_lost_row_stops_publication(config):
    summary = write_shard(rows(4), shard=0, shard_count=1, config=config)
    with pytest.raises(ManifestError, match="counts do not add up, so nothing was"):
        publish_run([summary], named=5, duplicates=0, listed=5, config=config)
    assert newest_manifest_number(config.output) == 0


def test_the_slower_of_two_runs_publishes_nothing_and_says_where_its_rows_are(config):
    summary = write_shard(rows(4), shard=0, shard_count=1, config=config)
    publish_run([summary], named=4, duplicates=0, listed=4, config=config)
    other = dataclasses.replace(config, run_id="slower")
    summary = write_shard(rows(4), shard=0, shard_count=1, config=other)
    with pytest.raises(LedgerFolderError, match="its rows are kept in runs/slower"):
        publish_run([summary], named=4, duplicates=0, listed=4, config=other)


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
    [(95, 5, True), (94, 6, False), (0, 99, True), (0, 100, False)],
)
def test_too_many_failures_among_100_images_publish_nothing(
    config, scored, failed, published
):
    rows = mixed_rows(scored, failed)
    summary = write_shard(rows, shard=0, shard_count=1, config=config)

    def publish(config):
        publish_run(
            [summary], named=len(rows), duplicates=0, listed=len(rows), config=config
        )

    if not published:
        with pytest.raises(FailureBudgetError, match=f"{failed} not_an_image.* kept"):
            publish(config)
        assert newest_manifest_number(config.output) == 0
        config = dataclasses.replace(config, max_failure_rate=1.0)
    publish(config)
    assert newest_manifest_number(config.output) == 1
