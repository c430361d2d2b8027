"""Planning as a step: what it reads, emits and sorts."""

import datetime
import hashlib
import random

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.plan import PlanCounts, RetryFailed, Vanished
from pipelines.scoring.plan_shards import COUNTS, KEPT, PlanShard
from pipelines.scoring.previous_state import PreviousState, previous_files
from pipelines.scoring.shards.tar_shard import TarPart
from schemas.ledger import LedgerRow, rows_to_table, shard_of
from schemas.manifest import LedgerFile

NO_COLUMNS = CarriedColumns()
SHARD_COUNTS = st.sampled_from([1, 2, 4, 8, 16])


@pytest.fixture
def previous(tmp_path):
    """A ledger of two shards."""
    files = []
    for shard in range(2):
        uris = [uri for uri in map(str, range(20)) if shard_of(uri, 2) == shard]
        table = rows_to_table(
            [LedgerRow(uri=uri, key=uri, size_bytes=1) for uri in uris],
            models=(),
            run_id="run",
            run_started_at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        )
        path = tmp_path / f"{shard}.parquet"
        pq.write_table(table, path)
        files.append(
            LedgerFile(
                path=path.name,
                shard=shard,
                rows=len(uris),
                size_bytes=path.stat().st_size,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        )
    return PreviousState(ledger=str(tmp_path), shard_count=2, files=tuple(files))


def new_step(previous, vanished) -> PlanShard:
    step = PlanShard(
        previous=previous,
        retry_failed=RetryFailed.TRANSIENT,
        vanished=vanished,
        progress_folder=None,
    )
    step.setup()
    step.start_bundle()
    return step


def planned(previous, vanished, shard) -> list:
    """What a shard that no input falls into gives."""
    step = new_step(previous, vanished)
    found = list(step.process((shard, [None]), NO_COLUMNS))
    return [*found, *(late.value for late in step.finish_bundle())]


def sized(size: int) -> ImageRef:
    part = TarPart(start=0, size_bytes=size)
    return ImageRef(uri=str(size), key="", order=(0, 0), part=part)


def test_refs_of_many_shards_go_on_the_largest_first():
    step = new_step(None, Vanished.DROP)
    sizes = random.Random(0).sample(range(20_000), 10_000)
    refs = [sized(size) for size in sizes]
    planned = []
    for shard in range(1000):
        planned += step.process((shard, refs[shard::1000]), NO_COLUMNS)
    early = [ref.size_bytes for ref in planned if isinstance(ref, ImageRef)]
    late = [windowed.value.size_bytes for windowed in step.finish_bundle()]
    assert late
    assert sorted(early + late) == sorted(sizes)
    for some in (early[:4100], early[4100:8200], late):
        assert some == sorted(some, reverse=True)


def test_a_shard_that_no_input_falls_into_is_all_vanished(previous):
    for file in previous.files:
        *kept, counts = planned(previous, Vanished.MARK, file.shard)
        assert counts.tag == COUNTS
        assert counts.value == PlanCounts(published=file.rows, vanished=file.rows)
        assert len(kept) == file.rows
        assert all(row.tag == KEPT and row.value.is_vanished for row in kept)
        assert {shard_of(row.value.uri, 2) for row in kept} == {file.shard}


def test_a_shard_to_be_dropped_as_a_whole_is_not_read(previous, tmp_path):
    for file in previous.files:
        (tmp_path / file.path).unlink()
        [counts] = planned(previous, Vanished.DROP, file.shard)
        assert counts.value == PlanCounts(published=file.rows, vanished=file.rows)


@given(SHARD_COUNTS, SHARD_COUNTS, st.text())
def test_a_row_is_found_in_the_files_of_its_new_shard(old_count, new_count, uri):
    files = tuple(
        LedgerFile(path=str(shard), shard=shard, rows=1, size_bytes=1, sha256="")
        for shard in range(old_count)
    )
    previous = PreviousState(ledger="l", shard_count=old_count, files=files)
    found = previous_files(previous, shard_of(uri, new_count), new_count)
    assert shard_of(uri, old_count) in [file.shard for file in found]
    assert len(found) == max(1, old_count // new_count)
