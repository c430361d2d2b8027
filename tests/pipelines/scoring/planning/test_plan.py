"""What planning decides, without Beam."""

import dataclasses
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.planning.plan import (
    ContentCheck,
    JournalEntry,
    KeptRow,
    PlanCounts,
    RetryFailed,
    ShardDecision,
    Vanished,
    add_counts,
    plan_shard,
)
from pipelines.scoring.planning.previous_state import KnownRow
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
    told = {"retry_failed": RetryFailed.TRANSIENT, "vanished": Vanished.DROP}
    return plan_shard(refs, journal, rows or {}, **(told | settings))


def plan(ref, rows, retry=RetryFailed.TRANSIENT):
    """What becomes of one input: itself if it is scored, else its row."""
    decision = decide([ref], rows, retry_failed=retry)
    [planned] = [*decision.to_score, *decision.kept]
    return dataclasses.replace(planned, failed_before=False)


def test_an_unchanged_file_keeps_its_row_with_the_inputs_new_columns(ref):
    kept = KeptRow(uri=ref.uri, key="a.jpg", carried=("new",))
    assert plan(ref, known(ref)) == kept


def test_an_input_of_which_nothing_is_known_is_scored(ref):
    unlisted = dataclasses.replace(ref, listed=None)
    assert plan(unlisted, known(ref)) == unlisted


def test_new_and_changed_files_are_scored(ref):
    assert plan(ref, {}) == ref
    assert plan(ref, known(ref, generation="1")) == ref
    assert plan(ref, known(ref, size_bytes=1)) == ref
    gone = dataclasses.replace(ref, uri=f"{ref.uri}x", listed=None)
    assert plan(gone, {gone.uri: known(ref)[ref.uri]}) == gone


def test_an_image_in_a_shard_is_compared_by_its_own_size_if_that_is_known(ref):
    member = dataclasses.replace(ref, part=TarPart(start=512, size_bytes=2))
    assert plan(member, known(ref)) == member
    assert isinstance(plan(member, known(ref, size_bytes=2)), KeptRow)
    row = dataclasses.replace(
        ref, part=ParquetPart(row_group=0, group_rows=2, row=1, column="jpg")
    )
    assert isinstance(plan(row, known(ref, size_bytes=99)), KeptRow)
    assert plan(row, known(ref, generation="1")) == row


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
    assert plan(refused, known(ref)) == refused


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), unique=True))
def test_of_repeats_the_first_named_counts_whatever_the_order(named):
    refs = [ImageRef(uri=u, key=u, order=(0, n)) for u, n in named]
    random.Random(0).shuffle(refs)
    decision = decide(refs)
    planned = {ref.uri: ref for ref in decision.to_score}
    assert planned.keys() == {uri for uri, _ in named}
    for uri, ref in planned.items():
        assert ref.order[1] == min(n for u, n in named if u == uri)
    assert decision.counts == PlanCounts(
        named=len(planned), repeats=len(named) - len(planned), untried=len(planned)
    )


def entry(ref, name: str, **changes) -> JournalEntry:
    return JournalEntry(uri=ref.uri, row=known(ref, **changes)[ref.uri], values=(name,))


def test_rows_of_journals_go_before_those_of_the_ledger(ref):
    stale, fresh = entry(ref, "stale", generation="1"), entry(ref, "fresh")
    for rows in ({}, known(ref)):
        for journal in itertools.permutations([stale, fresh]):
            [kept] = decide([ref], rows, journal).kept
            assert kept.journalled == ("fresh",)
    [kept] = decide([ref], known(ref), [stale]).kept
    assert kept.journalled is None
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
    never_published = JournalEntry(uri="x", row=ROW, values=("x",))
    decision = decide([], {"a": ROW}, [never_published], vanished=Vanished.MARK)
    assert decision.kept == [KeptRow(uri="a", is_vanished=True)]
    assert decision.counts == PlanCounts(published=1, vanished=1, examples=("a",))


def test_counts_of_shards_add_up():
    one = PlanCounts(
        named=1,
        repeats=2,
        untried=3,
        published=4,
        vanished=5,
        examples=("a", "b"),
        held={"s": 1},
        vanished_from={"s": 2, "t": 1},
        failed_before=frozenset("s"),
    )
    other = PlanCounts(examples=("c",), held={"u": 7}, failed_before=frozenset("u"))
    assert add_counts([other, one, one]) == PlanCounts(
        named=2,
        repeats=4,
        untried=6,
        published=8,
        vanished=10,
        examples=("c", "a"),
        held={"s": 2, "u": 7},
        vanished_from={"s": 4, "t": 2},
        failed_before=frozenset("su"),
    )
    assert add_counts([]) == PlanCounts()


LOST = ["/s/0.tar", "/s/1#.tar"]


def test_a_failed_image_is_tried_anew_only_once_it_is_replaced(ref):
    [again] = decide([ref], known(ref, status="failed", transient=True)).to_score
    assert again.failed_before
    assert again.row().failed_before
    for rows in (
        {},
        known(ref, status="scored", generation="1"),
        known(ref, status="failed", generation="1"),
    ):
        decision = decide([ref], rows)
        assert not decision.to_score[0].failed_before
        assert decision.counts.untried == 1
    missing = dataclasses.replace(ref, listed=None)
    rows = known(ref, status="failed", generation=None)
    assert decide([missing], rows).to_score[0].failed_before


def test_rows_from_a_journal_count_as_tried_now_but_for_known_failures(ref):
    rows = known(ref, status="failed", transient=False)
    journalled = entry(ref, "j", status="failed", transient=False)
    new, old = decide([ref], {}, [journalled]), decide([ref], rows, [journalled])
    assert (new.counts.untried, old.counts.untried) == (1, 0)
    assert [row.failed_before for row in (*new.kept, *old.kept)] == [False, True]
    assert decide([ref], known(ref)).counts.untried == 0


def test_what_a_lost_file_of_images_held_is_counted():
    members = [f"/s/0.tar#{name}" for name in "abc"] + ["/s/1#.tar#d", "/s/1", "x"]
    rows = dict.fromkeys(members, ROW)
    counts = decide([unlisted("/s/0.tar#a")], rows, lost=LOST).counts
    assert counts.held == {"/s/0.tar": 3, "/s/1#.tar": 1}
    assert counts.vanished_from == {"/s/0.tar": 2, "/s/1#.tar": 1}
    assert decide([], rows).counts.held == {}


def test_a_file_of_images_that_was_lost_before_is_known_as_such():
    rows = {LOST[0]: dataclasses.replace(ROW, status="failed")}
    refs = [unlisted(uri) for uri in LOST]
    assert decide(refs, rows, lost=LOST).counts.failed_before == {LOST[0]}


def check_of(ref, rows, **settings):
    decision = decide([ref], rows, verify_content=True, **settings)
    [planned] = [*decision.to_score, *decision.to_check, *decision.kept]
    return planned


def test_with_verify_content_the_digest_of_a_local_file_decides(ref):
    check = check_of(ref, known(ref, sha256="d"))
    assert check == ContentCheck(
        ref=ref, row=KeptRow(uri=ref.uri, key="a.jpg", carried=("new",)), sha256="d"
    )
    time = ref.listed.generation.partition(":")[0]
    renumbered = check_of(ref, known(ref, sha256="d", generation=f"{time}:1:2"))
    assert renumbered.row.generation == ref.listed.generation
    assert check_of(ref, known(ref, sha256=None)) == ref
    assert check_of(ref, known(ref, sha256="d", generation="1:2:3")) == ref
    assert check_of(ref, known(ref, sha256="d", size_bytes=1)) == ref


def test_generations_of_buckets_are_trusted(ref):
    listed = dataclasses.replace(ref.listed, uri="gs://b/a", generation="17")
    stored = dataclasses.replace(ref, uri="gs://b/a", listed=listed)
    assert isinstance(check_of(stored, known(stored)), KeptRow)
    assert check_of(stored, known(stored, generation="18")) == stored


def test_a_row_of_an_older_ledger_holds_by_size_and_time_and_is_renewed(ref):
    time = ref.listed.generation.partition(":")[0]
    kept = plan(ref, known(ref, generation=time))
    assert kept.generation == ref.listed.generation
    assert plan(ref, known(ref, generation=time, size_bytes=1)) == ref
