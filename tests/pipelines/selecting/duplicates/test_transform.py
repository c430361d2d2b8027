"""On Beam, the same photos are dropped as on one machine, whatever the workers."""

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from pipelines.selecting.duplicates.drop_duplicates import drop_duplicates
from pipelines.selecting.duplicates.transform import (
    DropDuplicates,
    DroppedPhoto,
    HashedPhoto,
)


def photos(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(count)
    hashes = random.integers(0, 256, (count, 32), np.uint8)
    for one in range(1, count):
        if random.random() < 0.6:
            hashes[one] = hashes[random.integers(0, min(one, 20))]
            for bit in random.integers(0, 256, random.integers(0, 20)):
                hashes[one, bit // 8] ^= 1 << (bit % 8)
    return hashes, random.integers(40, 101, count), random.permutation(count)


@pytest.mark.parametrize(("workers", "bits"), [(1, 15), (1, 31), (2, 31)])
def test_beam_drops_what_one_machine_drops(workers, bits):
    hashes, quality, order = photos(100)
    found = drop_duplicates(hashes, quality, order, bits=bits)
    [dropped] = np.nonzero(~found.is_kept)
    expected = [
        DroppedPhoto(
            rank=int(order[photo]),
            kept_by=int(order[found.kept_by[photo]]),
            distance=int(found.distance[photo]),
        )
        for photo in dropped
    ]
    assert len(expected) > 10
    given = [
        HashedPhoto(rank=int(rank), pdq_hash=one.tobytes(), quality=int(good))
        for rank, one, good in zip(order, hashes, quality, strict=True)
    ]
    options = PipelineOptions(
        ["--direct_num_workers", str(workers), "--direct_running_mode=multi_threading"]
    )
    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        assert_that(
            pipeline | beam.Create(given) | DropDuplicates(bits), equal_to(expected)
        )


def test_photos_without_pairs_drop_none():
    given = [HashedPhoto(rank=0, pdq_hash=bytes(32), quality=100)]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | beam.Create(given) | DropDuplicates(), equal_to([]))
