"""Large inputs are listed in spans, which together are the whole input."""

import collections
import dataclasses
import itertools
import os
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.local_server import environment
from helpers.make_inventories import write_google

from pipelines.scoring.choosing.choice import Choice
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.inputs import resolve_inputs, spans
from pipelines.scoring.inputs.list_input import list_input, list_span
from pipelines.scoring.inputs.spans import RANGES_AT_ONCE, Span
from pipelines.scoring.listing import (
    LISTED,
    SPANS,
    ListingCounts,
    ListInput,
    ListSpan,
    add_listing_counts,
    require_whole_listing,
)
from pipelines.storage import StorageError, storage_for
from schemas.manifest import CountsError

BUCKET = "gs://musiq-test"


def divided(one: Input) -> tuple[list[ImageRef], list[Span]]:
    """What one worker lists of an input, and what it leaves to others."""
    found = list(list_input(one, divides=True))
    refs = [ref for ref in found if isinstance(ref, ImageRef)]
    return refs, [span for span in found if isinstance(span, Span)]


def listed(found) -> list[ImageRef]:
    return [ref for ref in found if isinstance(ref, ImageRef)]


def require_same(one: Input, refs: list[ImageRef], parts: list[Span]):
    """Compare an input in spans with the same input listed by one worker."""
    together = [*refs, *(ref for part in parts for ref in listed(list_span(part)))]
    whole = listed(list_input(one))
    together.sort(key=lambda ref: ref.order)
    assert len({ref.order for ref in together}) == len(together)
    by_uri = sorted(together, key=lambda ref: ref.uri)
    expected = sorted(whole, key=lambda ref: ref.uri)
    assert [dataclasses.replace(ref, order=()) for ref in by_uri] == [
        dataclasses.replace(ref, order=()) for ref in expected
    ]


@pytest.fixture
def small_heads(monkeypatch):
    """Inputs count as large from a few objects on."""
    monkeypatch.setattr(spans, "_FIRST_OBJECTS", 1000)
    monkeypatch.setattr(spans, "_RANGES", 16)


def test_a_large_prefix_is_listed_in_spans_that_are_the_whole(double, small_heads):
    double.page_size = 500
    double.put_many(f"photos/{n % 7}/{n}.jpg" for n in range(8000))
    double.put_many(["photos/", "photos/3/", "photos0.jpg", "other.jpg"])
    double.put("photos/notes.txt", b"x")
    one = Input(number=3, uri=f"{BUCKET}/photos/", kind=InputKind.FOLDER)
    refs, parts = divided(one)
    assert len(refs) == 1000
    assert len(parts) >= 2
    assert sum(len(part.names) for part in parts) >= 16
    require_same(one, refs, parts)
    glob = dataclasses.replace(
        one, uri=f"{BUCKET}/photos/[24]/*5.jpg", kind=InputKind.GLOB
    )
    require_same(glob, *divided(glob))


def test_spans_leave_out_and_count_what_the_whole_would(double, small_heads):
    double.put_many(f"p/{n:05d}.{'mov' if n % 3 else 'jpg'}" for n in range(6000))
    choice = Choice(exclude=("0*",))
    one = Input(number=0, uri=f"{BUCKET}/p/", kind=InputKind.FOLDER, choice=choice)

    def outputs(*found):
        return [one.value for one in found if getattr(one, "tag", None) == LISTED]

    first = list(ListInput().process(one))
    parts = [found.value for found in first if getattr(found, "tag", None) == SPANS]
    assert parts
    counts = add_listing_counts(
        [*outputs(*first), *(c for p in parts for c in outputs(*ListSpan().process(p)))]
    )
    assert (counts.named, counts.inputs) == (6000, 1)
    assert counts.spans == counts.listed_spans == len(parts)
    told = {one.reason: one.count for one in counts.left_out}
    assert told == {"videos": 4000, "--exclude 0*": 2000}
    assert counts.met == {"--exclude 0*"}


def test_a_lost_span_ends_the_run():
    run: Any = types.SimpleNamespace(inputs=[None])
    whole = ListingCounts(inputs=1, spans=3, listed_spans=3)
    require_whole_listing(whole, run)
    lost = dataclasses.replace(whole, listed_spans=2)
    with pytest.raises(
        CountsError, match="1 of 1 inputs, 2 of 3 parts of them and 0 of"
    ):
        require_whole_listing(lost, run)


def test_a_small_prefix_costs_no_request_more(double):
    double.put_many(f"p/{n}.jpg" for n in range(2500))
    one = Input(number=0, uri=f"{BUCKET}/p/", kind=InputKind.FOLDER)
    refs, parts = divided(one)
    assert (len(refs), parts) == (2500, [])
    assert double.requests == ["list"] * 3


def test_a_limit_ends_the_listing_where_it_is_reached(double, small_heads):
    double.put_many(f"p/{n}.jpg" for n in range(9000))
    one = Input(
        number=0, uri=f"{BUCKET}/p/", kind=InputKind.FOLDER, choice=Choice(limit=1500)
    )
    refs, parts = divided(one)
    assert (len(refs), parts) == (1500, [])


def test_one_worker_lists_eight_ranges_at_once(double, small_heads):
    double.put_many(f"p/{n:06d}.jpg" for n in range(8000))
    one = Input(number=0, uri=f"{BUCKET}/p/", kind=InputKind.FOLDER)
    _, parts = divided(one)
    together = threading.Barrier(RANGES_AT_ONCE, timeout=30)
    part = max(parts, key=lambda part: len(part.names))
    assert len(part.names) == RANGES_AT_ONCE
    answer, first = double.page, set()

    def page(prefix, token, start="", count=None):
        if start not in first:
            first.add(start)
            together.wait()
        return answer(prefix, token, start, count)

    double.page = page
    assert listed(list_span(part))
    assert not together.broken


def test_a_store_without_order_is_listed_by_one(double, small_heads, monkeypatch):
    double.put_many(f"p/{n:06d}.jpg" for n in range(3000))
    one = Input(number=0, uri=f"{BUCKET}/p/", kind=InputKind.FOLDER)
    _, parts = divided(one)
    order = double.page

    def backwards(*arguments):
        names, token = order(*arguments)
        return names[::-1], token

    monkeypatch.setattr(double, "page", backwards)
    refs, none = divided(one)
    assert (len(refs), none) == (3000, [])
    with pytest.raises(StorageError, match="does not list names in order"):
        list(list_span(parts[0]))


def test_an_error_of_one_range_is_that_of_the_span(double, small_heads):
    double.put_many(f"p/{n:06d}.jpg" for n in range(5000))
    one = Input(number=0, uri=f"{BUCKET}/p/", kind=InputKind.FOLDER)
    _, parts = divided(one)
    double.fail("list", 403)
    with pytest.raises(StorageError, match="cannot list"):
        list(list_span(parts[0]))


def test_a_large_parquet_manifest_is_read_by_row_groups(tmp_path, monkeypatch):
    rows = [f"{n}.jpg" if n % 10 else "" for n in range(1000)]
    path = tmp_path / "m.parquet"
    table = pa.table({"uri": rows, "n": range(1000)})
    pq.write_table(table, path, row_group_size=30)
    [one] = resolve_inputs([str(path)], uri_column="uri")
    assert divided(one)[1] == []
    monkeypatch.setattr(spans, "_LARGE_MANIFEST_BYTES", 1)
    monkeypatch.setattr(spans, "_ROWS", 100)
    refs, parts = divided(one)
    assert (refs, len(parts)) == ([], 9)
    require_same(one, refs, parts)
    found = list(itertools.chain(*(listed(list_span(part)) for part in parts)))
    assert [ref.carried for ref in found] == [(n,) for n in range(1000)]
    assert found == sorted(found, key=lambda ref: ref.order)
    assert found[990].uri == f"{path}#row=990"


def test_many_manifests_are_read_one_by_one_worker(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.csv").write_text(f"uri,c\n{number}.jpg,x\n,y\n")
    [one] = resolve_inputs([str(tmp_path / "*.csv")], uri_column="uri")
    refs, parts = divided(one)
    assert (refs, len(parts)) == ([], 9)
    require_same(one, refs, parts)


def test_files_of_a_report_are_read_one_by_one_worker(tmp_path):
    parts = [
        [
            {"bucket": "b", "name": f"{p}{n}.jpg", "size": n, "generation": 1}
            for n in "12"
        ]
        for p in range(3)
    ]
    manifest = write_google(tmp_path, parts, "csv")
    [one] = resolve_inputs([str(manifest)], uri_column="uri", allowed=["gs://b"])
    refs, found = divided(one)
    assert (refs, len(found)) == ([], 3)
    require_same(one, refs, found)


@pytest.mark.parametrize("name", ["gcs", "s3"])
def test_every_store_lists_what_it_divided(request, name, tmp_path, monkeypatch):
    emulator = request.getfixturevalue(name)
    with environment(emulator.env):
        folder = f"{emulator.uri}/{tmp_path.name}/"
        store = storage_for(folder)
        names = [
            f"{letter}{n}" for letter in "aé漢\N{SUNFLOWER}+ %&" for n in range(20)
        ]
        for one in names:
            store.write(f"{folder}{one}", b"x")
        monkeypatch.setattr("pipelines.storage.name_ranges.PEEKED_NAMES", 4)
        monkeypatch.setattr("pipelines.storage.buckets.store.PEEKED_NAMES", 4)
        whole = [found.uri for found in store.list(folder)]
        ranges = store.divide(folder, after=whole[9], wanted=8)
        assert len(ranges) >= 8
        found = [one.uri for names in ranges for one in store.list_range(folder, names)]
        assert found == whole[10:]


@pytest.mark.slow
def test_many_objects_are_listed_in_many_ranges_at_once(double):
    """LISTING=full takes a million of them, which is four minutes."""
    count = 1_000_000 if os.environ.get("LISTING") == "full" else 150_000
    double.put_many(f"p/IMG_{n:07d}.jpg" for n in range(count))
    one = Input(number=0, uri=f"{BUCKET}/p/", kind=InputKind.FOLDER)
    refs, parts = divided(one)
    assert (len(refs), len(parts) >= 8) == (50_000, True)
    answer, lock = double.page, threading.Lock()
    at_work, most = collections.Counter(), 0

    def page(prefix, token, start="", count=None):
        nonlocal most
        with lock:
            at_work[start] += 1
            most = max(most, len(+at_work))
        time.sleep(0.05)  # as long as a store takes, so that requests overlap
        found = answer(prefix, token, start, count)
        with lock:
            at_work[start] -= 1
        return found

    double.page = page
    with ThreadPoolExecutor(2) as workers:
        names = [{ref.uri for ref in refs}]
        names += workers.map(
            lambda part: {r.uri for r in listed(list_span(part))}, parts
        )
    assert sum(map(len, names)) == len(set().union(*names)) == count
    assert most >= 8
