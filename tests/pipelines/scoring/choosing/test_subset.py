"""Subsets to try things out: exact, the same every night, in no ledger of more."""

import dataclasses
import random

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from helpers.make_images import write_images
from helpers.run_musiq import run_here, table_of
from helpers.tiny_models import tiny_model_file
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scoring.choosing.choice import Choice
from pipelines.scoring.choosing.subset import (
    KeepChosen,
    NthRank,
    Subset,
    rank_of,
    require_own_ledger,
)
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.listing import LISTED, add_listing_counts
from schemas.errors import UsageError
from schemas.manifest import Counts, Manifest

MANIFEST = Manifest(
    run_id="run",
    created_at="2026-01-02T03:00:00+00:00",
    counts=Counts(named=0, duplicates=0, listed=0, scored=0, failed=0),
    failures={},
    shard_count=1,
    files=(),
    models={},
    settings={},
    versions={},
    score_quantiles={},
)


def refs_of(names: list[int]) -> list[ImageRef]:
    return [
        ImageRef(uri=f"/{name}.jpg", key=f"{name}.jpg", order=(0, place))
        for place, name in enumerate(names)
    ]


def chosen(refs: list[ImageRef], choice: Choice, parts: int = 1) -> list[ImageRef]:
    """What both passes choose, the first of them in so many parts."""
    nth = NthRank(choice.limit or choice.sample or 0)
    accumulators = []
    for part in range(parts):
        accumulator = nth.create_accumulator()
        for ref in refs[part::parts]:
            element = (ref.uri, rank_of(ref, choice))
            accumulator = nth.add_input(accumulator, element)
        accumulators.append(accumulator)
    bound = nth.extract_output(nth.merge_accumulators(accumulators))
    keep = KeepChosen(choice)
    keep.start_bundle()
    return [one for ref in refs for one in keep.process(ref, bound)]


@given(
    st.lists(st.integers(0, 40), max_size=60),
    st.integers(1, 30),
    st.integers(1, 4),
    st.booleans(),
)
def test_exactly_so_many_distinct_images_are_chosen(names, count, parts, is_sample):
    choice = Choice(sample=count) if is_sample else Choice(limit=count)
    refs = refs_of(names)
    found = {ref.uri for ref in chosen(refs, choice, parts)}
    assert len(found) == min(count, len(set(names)))
    if not is_sample:
        first = list(dict.fromkeys(ref.uri for ref in refs))
        assert found == set(first[:count])


def test_much_more_than_is_kept_at_once_is_chosen_from_the_same():
    names = list(range(5000))
    found = {ref.uri for ref in chosen(refs_of(names), Choice(sample=7))}
    random.Random(1).shuffle(names)
    again = {ref.uri for ref in chosen(refs_of(names), Choice(sample=7), parts=3)}
    assert found == again
    assert len(found) == 7


def test_a_larger_sample_has_all_of_a_smaller_one():
    refs = refs_of(list(range(300)))
    small = {ref.uri for ref in chosen(refs, Choice(sample=20))}
    assert small < {ref.uri for ref in chosen(refs, Choice(sample=40))}


def test_a_sample_is_the_same_on_every_day_and_machine():
    refs = refs_of(list(range(1000)))
    found = sorted(ref.key for ref in chosen(refs, Choice(sample=3)))
    assert found == [
        "419.jpg",
        "738.jpg",
        "769.jpg",
    ]


def test_what_is_not_chosen_is_counted_in_the_flow():
    refs = refs_of([*range(20), 3])
    expected = sorted(ref.uri for ref in chosen(refs, Choice(sample=5)))
    with beam.Pipeline(runner=beam.runners.direct.DirectRunner()) as pipeline:
        subset = pipeline | beam.Create(refs) | Subset(Choice(sample=5))
        uris = subset.images | "URIs" >> beam.Map(lambda ref: ref.uri)
        assert_that(uris, equal_to(expected), label="chosen")
        counts = (
            subset[LISTED]
            | beam.CombineGlobally(add_listing_counts)
            | beam.Map(lambda c: [(one.reason, one.count) for one in c.left_out])
        )
        left_out = [("not in --sample 5", len(refs) - len(expected))]
        assert_that(counts, equal_to([left_out]), label="left out")


@pytest.mark.parametrize(
    ("before", "choice", "message"),
    [
        ({}, Choice(limit=9), "--limit 9 would drop rows of /l, .* made without it"),
        ({"sample": 10}, Choice(sample=9), "which was made with --sample 10; name"),
        ({"limit": 5}, Choice(sample=9), "made without it; name another --output"),
        ({"sample": 9}, Choice(sample=9), None),
        ({"limit": 5}, Choice(limit=9), None),
        ({"sample": 5}, Choice(), None),
    ],
)
def test_a_subset_never_takes_the_place_of_more(before, choice, message):
    manifest = dataclasses.replace(MANIFEST, asked=before)
    if message is None:
        require_own_ledger(choice, manifest, "/l")
    else:
        with pytest.raises(UsageError, match=message):
            require_own_ledger(choice, manifest, "/l")


def test_a_run_tries_so_many_and_accounts_for_the_others(tmp_path):
    write_images(tmp_path / "photos", 5)
    (tmp_path / "photos" / "a.mov").touch()
    (tmp_path / "model.safetensors").write_bytes(tiny_model_file())

    def score(output: str, *choice: object):
        return run_here(
            *("score", "--input", tmp_path / "photos", "--output", tmp_path / output),
            *("--model", tmp_path / "model.safetensors", "--workers", 1, "--json"),
            *choice,
        )

    outcome = score("sample", "--sample", 2)
    assert outcome.code == 0, outcome.err
    counts = outcome.summary["counts"]
    assert (counts["named"], counts["listed"], counts["left_out"]) == (6, 2, 4)
    assert [(o["reason"], o["count"]) for o in outcome.summary["left_out"]] == [
        ("not in --sample 2", 3),
        ("videos", 1),
    ]
    assert table_of(tmp_path / "sample").num_rows == 2
    outcome = score("limit", "--limit", 2, "--exclude", "*-000.png")
    assert outcome.code == 0, outcome.err
    keys = table_of(tmp_path / "limit").column("key").to_pylist()
    assert sorted(keys) == ["image-001.png", "image-002.png"]
    outcome = score("limit", "--sample", 2)
    assert outcome.code == 2
    assert "would drop rows" in outcome.err
