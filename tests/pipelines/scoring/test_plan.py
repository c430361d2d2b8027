"""What planning decides, without Beam."""

import dataclasses
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.plan import (
    JournalEntry,
    KeptRow,
    PlanCounts,
    RetryFailed,
    ShardDecision,
    Vanished,
    add_counts,
    plan_shard,
)
from pipelines.scoring.previous_state import KnownRow
from pipelines.scoring.shards.parquet_rows import ParquetPart
from pipelines.scoring.shards.tar_shard import TarPart
from pipelines.storage import storage_for
from schemas.failures import Failure

URIS = st.sampled_from("abcdef")


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


def decide(refs, rows=None, journal=(), **settings) -> ShardDecision:
    rows = rows or {}
    told = {"retry_failed": RetryFailed.TRANSIENT, "vanished": Vanished.DROP}
    return plan_shard(
        refs, journal, rows, **({"published": len(rows)} | told | settings)
    )


def plan(ref, rows, retry=RetryFailed.TRANSIENT):
    """What becomes of one input: itself if it is scored, else its row."""
    decision = decide([ref], rows, retry_failed=retry)
    [planned] = [*decision.to_score, *decision.kept]
    return planned


def test_an_unchanged_file_keeps_its_row_with_the_inputs_new_columns(ref):
    kept = KeptRow(uri=ref.uri, key="a.jpg", carried=("new",))
    assert plan(ref, known(ref)) == kept


def test_an_input_of_which_nothing_is_known_is_scored(ref):
    unlisted = dataclasses.replace(ref, listed=None)
    assert plan(unlisted, known(ref)) is unlisted


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
    decision = decide(refs)
    planned = {ref.uri: ref for ref in decision.to_score}
    assert planned.keys() == {uri for uri, _ in named}
    for uri, ref in planned.items():
        assert ref.order[1] == min(n for u, n in named if u == uri)
    assert decision.counts == PlanCounts(repeats=len(named) - len(planned))


def entry(ref, journal: str, **changes) -> JournalEntry:
    return JournalEntry(
        uri=ref.uri, journal=journal, row=known(ref, **changes)[ref.uri]
    )


def test_rows_of_journals_go_before_those_of_the_ledger(ref):
    stale, fresh = entry(ref, "stale", generation="1"), entry(ref, "fresh")
    for rows in ({}, known(ref)):
        for journal in itertools.permutations([stale, fresh]):
            [kept] = decide([ref], rows, journal).kept
            assert kept.journal == "fresh"
    [kept] = decide([ref], known(ref), [stale]).kept
    assert kept.journal is None
    assert decide([ref], {}, [stale]).to_score == [ref]


def unlisted(uri: str) -> ImageRef:
    return ImageRef(uri=uri, key=uri, order=(0, 0))


ROW = KnownRow(generation=None, size_bytes=1, status="scored", transient=None)


@given(st.sets(URIS), st.sets(URIS))
def test_every_row_of_the_ledger_is_either_named_or_vanished(named, published):
    refs, rows = [unlisted(uri) for uri in named], dict.fromkeys(published, ROW)
    dropped = decide(refs, rows)
    marked = decide(refs, rows, vanished=Vanished.MARK)
    assert dropped.kept == []
    assert marked.kept == [
        KeptRow(uri=uri, is_vanished=True) for uri in rows if uri not in named
    ]
    for decision in (dropped, marked):
        assert decision.counts.vanished == len(published - named)
        assert {ref.uri for ref in decision.to_score} == named


@given(st.lists(URIS), st.sets(URIS))
def test_every_input_is_a_repeat_or_decided_upon(named, published):
    refs = [
        dataclasses.replace(unlisted(uri), order=(0, n)) for n, uri in enumerate(named)
    ]
    found = decide(refs, dict.fromkeys(published, ROW))
    assert len(refs) == found.counts.repeats + len(found.to_score) + len(found.kept)


def test_rows_of_journals_do_not_vanish():
    never_published = JournalEntry(uri="x", journal="j", row=ROW)
    decision = decide([], {"a": ROW}, [never_published], vanished=Vanished.MARK)
    assert decision.kept == [KeptRow(uri="a", is_vanished=True)]
    assert decision.counts == PlanCounts(published=1, vanished=1)


def test_rows_that_were_not_read_because_all_are_dropped_are_counted():
    decision = decide([], {}, published=7)
    assert decision.counts == PlanCounts(published=7, vanished=7)
    assert decision.kept == []


def test_counts_of_shards_add_up():
    one = PlanCounts(repeats=1, published=2, vanished=3)
    assert add_counts([one, PlanCounts(), one]) == PlanCounts(
        repeats=2, published=4, vanished=6
    )
