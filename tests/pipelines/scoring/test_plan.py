import dataclasses
import datetime
import hashlib
import random

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.plan import (
    COUNTS,
    KEPT,
    JournalEntry,
    KeptRow,
    PlanCounts,
    PlanShard,
    RetryFailed,
    Vanished,
    look_up_known,
    plan_refs,
    vanished_rows,
)
from pipelines.scoring.previous_state import (
    KnownRow,
    PreviousState,
    previous_files,
)
from pipelines.scoring.shards.image_part import ParquetPart, TarPart
from pipelines.storage import storage_for
from schemas.failures import Failure
from schemas.ledger import LedgerRow, rows_to_table, shard_of
from schemas.manifest import LedgerFile

SHARD_COUNTS = st.sampled_from([1, 2, 4, 8, 16])


@pytest.fixture
def ref(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"abc")
    uri = str(tmp_path / "a.jpg")
    listed = storage_for(uri).stat(uri)
    return ImageRef(uri=uri, key="a.jpg", order=(0, 0), carried=("new",), listed=listed)


def known(ref: ImageRef, **changes) -> dict[str, KnownRow]:
    row = KnownRow(
        generation=ref.listed.generation,
        size_bytes=ref.listed.size_bytes,
        status="scored",
        transient=None,
    )
    return {ref.uri: dataclasses.replace(row, **changes)}


def plan(ref, rows, retry=RetryFailed.TRANSIENT):
    [planned] = plan_refs([ref], rows, retry)
    return planned


def test_an_unchanged_file_keeps_its_row_with_the_inputs_new_columns(ref):
    kept = KeptRow(uri=ref.uri, key="a.jpg", carried=("new",))
    assert plan(ref, known(ref)) == kept
    unlisted = dataclasses.replace(ref, listed=None)
    assert plan(unlisted, known(ref)) == unlisted
    [looked_up] = look_up_known([unlisted], known(ref))
    assert plan(looked_up, known(ref)) == kept


def test_only_what_may_be_kept_is_looked_up(ref):
    unlisted = dataclasses.replace(ref, listed=None)
    assert look_up_known([unlisted], {}) == [unlisted]
    refused = dataclasses.replace(unlisted, refusal=(Failure.FORBIDDEN_URI, "no"))
    assert look_up_known([refused], known(ref)) == [refused]


def test_new_and_changed_files_are_scored(ref):
    assert plan(ref, {}) is ref
    assert plan(ref, known(ref, generation="1")) is ref
    assert plan(ref, known(ref, size_bytes=1)) is ref
    gone = dataclasses.replace(ref, uri=f"{ref.uri}x", listed=None)
    assert plan(gone, {gone.uri: known(ref)[ref.uri]}) is gone


def test_an_image_in_a_shard_is_compared_by_its_own_size_if_that_is_known(ref):
    member = dataclasses.replace(ref, part=TarPart(start=512, size_bytes=2))
    assert plan(member, known(ref)) is member
    assert isinstance(plan(member, known(ref, size_bytes=2)), KeptRow)
    row = dataclasses.replace(ref, part=ParquetPart(row_group=0, row=1, column="jpg"))
    assert isinstance(plan(row, known(ref, size_bytes=99)), KeptRow)
    assert plan(row, known(ref, generation="1")) is row


@pytest.mark.parametrize(
    ("retry", "transient", "is_kept"),
    [
        ("transient", True, False),
        ("transient", False, True),
        ("all", False, False),
        ("none", True, True),
    ],
)
def test_failed_rows_are_tried_again_as_told(ref, retry, transient, is_kept):
    rows = known(ref, status="failed", transient=transient)
    assert isinstance(plan(ref, rows, RetryFailed(retry)), KeptRow) == is_kept


def test_refused_names_are_not_looked_at(ref):
    refusal = (Failure.FORBIDDEN_URI, "no")
    refused = dataclasses.replace(ref, refusal=refusal)
    assert plan(refused, known(ref)) is refused


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), unique=True))
def test_of_repeats_the_first_named_counts_whatever_the_order(named):
    refs = [ImageRef(uri=u, key=u, order=(0, n)) for u, n in named]
    random.Random(0).shuffle(refs)
    planned = {p.uri: p for p in plan_refs(refs, {}, RetryFailed.NONE)}
    assert planned.keys() == {uri for uri, _ in named}
    for uri, ref in planned.items():
        assert ref.order[1] == min(n for u, n in named if u == uri)


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_every_row_of_the_ledger_is_either_named_or_vanished(named, known):
    vanished = list(vanished_rows(named, known))
    assert all(row.is_vanished and row.journal is None for row in vanished)
    uris = [row.uri for row in vanished]
    assert len(uris) == len(set(uris))
    assert named.isdisjoint(uris)
    assert known - named == set(uris)


@pytest.fixture
def previous(tmp_path):
    """A ledger of two shards."""
    files = []
    for shard in range(2):
        uris = [uri for uri in map(str, range(20)) if shard_of(uri, 2) == shard]
        table = rows_to_table(
            [LedgerRow(uri=uri, key=uri, size_bytes=1) for uri in uris],
            carried=(),
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


def plan_shard(previous, vanished, shard, *values) -> list:
    step = PlanShard(
        previous=previous,
        retry_failed=RetryFailed.TRANSIENT,
        vanished=vanished,
        progress_folder=None,
    )
    step.setup()
    step.start_bundle()
    found = list(step.process((shard, [None, *values])))
    return [*found, *(late.value for late in step.finish_bundle())]


def test_refs_of_many_shards_go_on_the_largest_first(ref):
    step = PlanShard(
        previous=None,
        retry_failed=RetryFailed.TRANSIENT,
        vanished=Vanished.DROP,
        progress_folder=None,
    )
    step.setup()
    step.start_bundle()
    sizes = random.Random(0).sample(range(20_000), 10_000)
    refs = [
        dataclasses.replace(
            ref, uri=str(size), listed=dataclasses.replace(ref.listed, size_bytes=size)
        )
        for size in sizes
    ]
    planned = []
    for shard in range(1000):
        planned += step.process((shard, refs[shard::1000]))
    early = [ref.size_bytes for ref in planned if isinstance(ref, ImageRef)]
    late = [windowed.value.size_bytes for windowed in step.finish_bundle()]
    assert late
    assert sorted(early + late) == sorted(sizes)
    for some in (early[:4100], early[4100:8200], late):
        assert some == sorted(some, reverse=True)


def test_a_shard_that_no_input_falls_into_is_all_vanished(previous):
    for file in previous.files:
        counts, *kept = plan_shard(previous, Vanished.MARK, file.shard)
        assert counts.tag == COUNTS
        assert counts.value == PlanCounts(published=file.rows, vanished=file.rows)
        assert len(kept) == file.rows
        assert all(row.tag == KEPT and row.value.is_vanished for row in kept)
        assert {shard_of(row.value.uri, 2) for row in kept} == {file.shard}


def test_rows_of_journals_do_not_vanish(previous):
    row = KnownRow(generation=None, size_bytes=1, status="scored", transient=None)
    entry = JournalEntry(uri="never published", journal="j", row=row)
    _, *kept = plan_shard(previous, Vanished.MARK, 0, entry)
    assert len(kept) == previous.files[0].rows
    assert entry.uri not in {row.value.uri for row in kept}


def test_a_shard_to_be_dropped_as_a_whole_is_not_read(previous, tmp_path):
    for file in previous.files:
        (tmp_path / file.path).unlink()
        [counts] = plan_shard(previous, Vanished.DROP, file.shard)
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
