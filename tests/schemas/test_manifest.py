import dataclasses
import json

import pytest

from schemas.left_out import LeftOut
from schemas.manifest import (
    Counts,
    LedgerFile,
    Manifest,
    ManifestError,
    manifest_name,
    manifest_number,
)
from schemas.plain import to_plain

MANIFEST = Manifest(
    run_id="run",
    created_at="2026-01-02T03:00:00+00:00",
    counts=Counts(named=5, duplicates=1, listed=4, scored=3, failed=1),
    failures={"truncated": 1},
    shard_count=1,
    files=(
        LedgerFile(
            path="runs/run/a.parquet", shard=0, rows=4, size_bytes=9, sha256="f"
        ),
    ),
    models={"koniq": {"digest": "a"}},
    settings={"jpeg_dct": "fast"},
    versions={"pillow": "12"},
    score_quantiles={"koniq": {"0.5": 61.0}},
)


def written(manifest: Manifest) -> bytes:
    """A manifest's file, as the versions of musiq that had such wrote it."""
    fields = {"format": "musiq-manifest/2", **to_plain(manifest)}
    return json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"


def test_what_was_written_is_read():
    assert Manifest.from_json(written(MANIFEST)) == MANIFEST


@pytest.mark.parametrize(
    "wrong",
    [
        *({"scored": 2}, {"failed": 0}, {"listed": 5}, {"duplicates": 0}, {"named": 4}),
        {"left_out": 1},
    ],
)
def test_counts_that_do_not_add_up_cannot_be_published(wrong):
    with pytest.raises(ManifestError, match="do not add up, so nothing was published"):
        dataclasses.replace(MANIFEST.counts, **wrong)


def test_what_was_left_out_has_its_reasons_and_their_sum_is_counted():
    counts = dataclasses.replace(MANIFEST.counts, named=8, left_out=3)
    reasons = (LeftOut(reason="videos", count=3, example="a.mov"),)
    manifest = dataclasses.replace(MANIFEST, counts=counts, left_out=reasons)
    assert Manifest.from_json(written(manifest)) == manifest
    with pytest.raises(ManifestError, match=r"0 inputs were left out, but .* of 3"):
        dataclasses.replace(MANIFEST, left_out=reasons)


def test_a_manifest_from_before_anything_was_left_out_is_read():
    fields = json.loads(written(MANIFEST))
    del (
        fields["left_out"],
        fields["renamed"],
        fields["not_carried"],
        fields["counts"]["left_out"],
    )
    assert Manifest.from_json(json.dumps(fields).encode()) == MANIFEST


def test_vanished_rows_are_counted_besides_the_listed_inputs():
    counts = dataclasses.replace(MANIFEST.counts, vanished=7)
    manifest = dataclasses.replace(MANIFEST, counts=counts)
    assert Manifest.from_json(written(manifest)).counts == counts


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (
            b'{"format": "musiq-manifest/7"}',
            "'musiq-manifest/7' is newer than musiq-manifest/2, which this musiq "
            "reads: install a newer musiq",
        ),
        (b'{"format": "their-manifest/1"}', "'their-manifest/1' is no format of a"),
        (b'{"format": 1}', "1 is no format of a manifest"),
        (b'{"format": "musiq-manifest/1"}', "damaged manifest"),
        (written(MANIFEST)[:-40], "no JSON object"),
        (written(MANIFEST).replace(b'"scored": 3', b'"scored": 2'), "do not add up"),
    ],
)
def test_damaged_manifests_are_refused(data, message):
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(data)


def test_manifests_are_numbered_by_name():
    assert manifest_name(7) == "_manifests/00000007.json"
    assert manifest_number("00000007.json") == 7
    assert manifest_number("00000007.json.tmp") is None
    assert manifest_number("7.json") is None
    assert manifest_number("") is None
