"""What is spilled comes back, each value once, in the part of its URI."""

import errno
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.planning.plan import ContentCheck, KeptRow
from pipelines.scoring.slices import spill as spilling
from pipelines.scoring.slices.spill import Spill, SpillError, SpillValues, uri_of
from schemas.ledger import shard_of

URIS = st.text(st.characters(exclude_categories=()), max_size=8)
REFS = st.builds(
    ImageRef,
    uri=URIS,
    key=URIS,
    order=st.tuples(st.integers(0, 9)),
    carried=st.tuples(st.none() | st.text() | st.floats(allow_nan=False)),
)
KEPT = st.builds(KeptRow, uri=URIS)
VALUES = st.one_of(
    REFS, KEPT, st.builds(ContentCheck, ref=REFS, row=KEPT, sha256=st.text())
)


def spill_of(bundles, folder, parts: int) -> Spill:
    step = SpillValues(str(folder), parts)
    files = []
    for bundle in bundles:
        step.start_bundle()
        files += itertools.chain.from_iterable(map(step.process, bundle))
        files += step.drain()
    return Spill(tuple(files), parts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bundles=st.lists(st.lists(VALUES, max_size=9), max_size=3),
    parts=st.sampled_from([1, 2, 8, 64]),
    buffer_bytes=st.sampled_from([1, 1000, 2**20]),
)
def test_what_goes_in_comes_out_each_once_in_its_part(
    bundles, parts, buffer_bytes, tmp_path
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spilling, "_BUFFER_BYTES", buffer_bytes)
        spill = spill_of(bundles, tmp_path, parts)
    found = {part: list(spill.read(part)) for part in range(parts)}
    everything = list(itertools.chain.from_iterable(bundles))
    assert Counter(map(repr, itertools.chain.from_iterable(found.values()))) == Counter(
        map(repr, everything)
    )
    for part, values in found.items():
        assert {shard_of(uri_of(value), parts) for value in values} <= {part}
    assert spill.count().tolist() == [len(values) for values in found.values()]


def test_a_worker_holds_no_more_than_a_buffer(tmp_path, monkeypatch):
    monkeypatch.setattr(spilling, "_BUFFER_BYTES", 10_000)
    refs = [ImageRef(uri=f"/{n}", key="k" * 100, order=(n,)) for n in range(1000)]
    spill = spill_of([refs], tmp_path, 16)
    assert len(spill.files) >= 10
    assert spill.count().sum() == 1000


def test_a_photo_takes_few_bytes_on_the_disk(tmp_path):
    refs = [
        ImageRef(
            uri=f"/srv/photos/{n // 1000:06d}/{n * 7919 % 10**7:07d}.jpg",
            key=f"{n // 1000:06d}/{n * 7919 % 10**7:07d}.jpg",
            order=(0, n),
        )
        for n in range(20_000)
    ]
    spill_of([refs], tmp_path, 16)
    taken = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert taken / len(refs) < 50


def test_nothing_spilled_is_nothing_read(tmp_path):
    spill = spill_of([[]], tmp_path, 4)
    assert (spill.files, spill.count().tolist()) == ((), [0, 0, 0, 0])
    assert list(spill.read(3)) == []


def test_a_full_disk_is_one_line(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(SpillError) as told:
        spilling.write_spill({0: b"x"}, np.ones(1, np.int64), str(tmp_path))
    assert str(told.value) == (
        f"cannot keep what is planned on the local disk, at {tmp_path}: No space left "
        "on device; nothing was published; set TMPDIR to a folder with more space, "
        "about 100 bytes an image"
    )
