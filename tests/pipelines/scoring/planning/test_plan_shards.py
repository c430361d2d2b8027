"""Planning as a step: what it reads, emits and sorts."""

import dataclasses
import datetime
import hashlib
import random

import pyarrow.parquet as pq
import pytest
from helpers.scoring_runs import tiny_run
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.files import read_ledger_file
from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.planning import previous_state
from pipelines.scoring.planning.lost_shards import ShardTally
from pipelines.scoring.planning.plan import PlanCounts, RetryFailed, Vanished
from pipelines.scoring.planning.plan_shards import (
    COUNTS,
    KEPT,
    PlanShard,
    in_order,
    plan_shard_count,
)
from pipelines.scoring.planning.previous_state import (
    KnownRows,
    PreviousState,
    previous_files,
)
from pipelines.scoring.shards.tar_shard import TarPart
from schemas.ledger import LedgerRow, rows_to_table, shard_of
from schemas.manifest import LedgerFile

NO_COLUMNS = CarriedColumns()
URIS = [str(number) for number in range(20)]
SHARD_COUNTS = st.sampled_from([1, 2, 4, 8, 16])


@pytest.fixture
def previous(tmp_path):
    """A ledger of two shards."""
    files = []
    for shard in range(2):
        uris = [uri for uri in URIS if shard_of(uri, 2) == shard]
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
        part_count=2,
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
    found = emitted(step, shard, [None])
    return [*found, *(late.value for late in step.finish_bundle())]


def sized(size: int) -> ImageRef:
    part = TarPart(start=0, size_bytes=size)
    return ImageRef(uri=str(size), key="", order=(0, 0), part=part)


def emitted(step, shard, values) -> list:
    return list(step.process((shard, values), ShardTally(), NO_COLUMNS))


def test_refs_of_many_shards_go_on_the_largest_first_after_a_sample():
    step = new_step(None, Vanished.DROP)
    sizes = random.Random(0).sample(range(20_000), 10_000)
    refs = [sized(size) for size in sizes]
    planned = []
    for shard in range(1000):
        planned += emitted(step, shard, refs[shard::1000])
    early = [ref.size_bytes for ref in planned if isinstance(ref, ImageRef)]
    late = [windowed.value.size_bytes for windowed in step.finish_bundle()]
    assert late
    assert sorted(early + late) == sorted(sizes)
    for some in (early[2000:4100], early[4100:8200], late):
        assert some == sorted(some, reverse=True)


@pytest.mark.parametrize("count", [1001, 3000, 20_000])
def test_the_first_of_many_tell_what_becomes_of_all(count):
    """The largest 4 % are broken; of the first thousand, about as many."""
    refs = [sized(size) for size in range(count)]
    found = in_order(refs, has_sample=True)
    assert sorted(ref.size_bytes for ref in found) == list(range(count))
    broken = sum(ref.size_bytes >= 0.96 * count for ref in found[:1000])
    assert 20 <= broken <= 60
    first = [ref.size_bytes for ref in in_order(refs, has_sample=False)]
    assert first == sorted(first, reverse=True)


def test_few_refs_go_on_the_largest_first():
    found = in_order([sized(size) for size in range(1000)], has_sample=True)
    assert [ref.size_bytes for ref in found] == list(range(1000))[::-1]


def test_a_shard_that_no_input_falls_into_is_all_vanished(previous):
    for file in previous.files:
        *kept, counts = planned(previous, Vanished.MARK, file.shard)
        assert counts.tag == COUNTS
        assert counts.value.published == counts.value.vanished == file.rows
        assert len(counts.value.examples) == 2
        assert len(kept) == file.rows
        assert all(row.tag == KEPT and row.value.is_vanished for row in kept)
        assert {shard_of(row.value.uri, 2) for row in kept} == {file.shard}
        [dropped] = planned(previous, Vanished.DROP, file.shard)
        assert dropped.value == counts.value


def test_rows_of_other_models_are_counted_but_never_kept(previous):
    other = dataclasses.replace(previous, is_reusable=False)
    for file in previous.files:
        step = new_step(other, Vanished.MARK)
        uris = KnownRows(other, 2).of(file.shard).keys()
        named, *_ = refs = [ImageRef(uri=uri, key=uri, order=(0, 0)) for uri in uris]
        [counts] = emitted(step, file.shard, refs[:1])
        assert counts.value.vanished == file.rows - 1
        assert [late.value for late in step.finish_bundle()] == [named]


def test_a_damaged_file_of_a_ledger_that_is_replaced_stops_nothing(previous, tmp_path):
    (tmp_path / previous.files[0].path).unlink()
    with pytest.raises(LedgerFolderError, match="the ledger is incomplete"):
        planned(previous, Vanished.DROP, previous.files[0].shard)
    other = dataclasses.replace(previous, is_reusable=False)
    [counts] = planned(other, Vanished.DROP, previous.files[0].shard)
    assert counts.value == PlanCounts()


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


@pytest.mark.parametrize("part_count", [2, 4, 1024])
def test_every_row_is_known_in_its_part_and_every_file_is_read_once(
    previous, part_count, monkeypatch
):
    read = []

    def counted(ledger, file, columns):
        read.append(file)
        return read_ledger_file(ledger, file, columns)

    monkeypatch.setattr(previous_state, "read_ledger_file", counted)
    known = KnownRows(previous, part_count)
    for part in random.Random(0).sample(range(part_count), part_count):
        expected = {uri for uri in URIS if shard_of(uri, part_count) == part}
        assert known.of(part).keys() == expected
    assert len(read) == len(set(read)) == 2


def test_a_trial_before_a_large_run_leaves_it_many_parts(previous):
    here, cluster = tiny_run(progress_folder="/progress"), tiny_run()
    assert (plan_shard_count(here), plan_shard_count(cluster)) == (32, 1024)
    for run in (here, cluster):
        after = dataclasses.replace(run, previous=previous)
        assert plan_shard_count(after) == plan_shard_count(run)
        large = dataclasses.replace(previous, shard_count=4096)
        assert plan_shard_count(dataclasses.replace(run, previous=large)) == 4096
