"""Files of images on gs:// and s3:// whose ranges arrive damaged: row 13 of the model.

Whatever is flipped on the way, an image is read as it is stored, or fails as
`read_error`, or listing stops; nothing that is listed is missing, or has another name.
"""

import collections
import contextlib
import dataclasses
import gzip
import random
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults.seeds import IS_QUICK
from helpers import gcs_double, gcs_emulator, s3_emulator
from helpers.fault_proxy import (
    CUT,
    FLIPPED,
    FLIPPED_ANYWHERE,
    ZEROED,
    FaultProxy,
    running_proxy,
)
from helpers.local_server import LocalStore, environment
from helpers.make_examples import serialized_example
from helpers.make_shards import small_images, tar_of, write_hugging_face

from pipelines.records.tfrecord import write_record
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import InputError
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.reading.fetch import FetchedImage, fetch_together
from pipelines.scoring.reading.gather import _keyed
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import Storage, StorageError
from pipelines.storage.buckets.amazon_s3 import AmazonS3Storage
from pipelines.storage.buckets.google_cloud import GoogleCloudStorage
from pipelines.storage.retries import RetryPolicy
from pipelines.storage.stores import use_store
from schemas.failures import Failure

pytestmark = pytest.mark.faults

TRIALS = 60 if IS_QUICK else 1000  # of both stores together
DAMAGES = (FLIPPED, FLIPPED_ANYWHERE, FLIPPED_ANYWHERE, ZEROED, CUT)
RATES = (0.02, 0.1, 0.3, 0.6, 1.0)
AT_ONCE = RetryPolicy(first_wait_seconds=0.0)
IMAGES = [*small_images(4), np.random.default_rng(0).bytes(1_200_000)]
SAID = b'{"caption": "of the second"}'


def write_shards(folder) -> None:
    """A file of every format, each with the same images."""
    members = [(f"{number}.png", data) for number, data in enumerate(IMAGES)]
    archive = tar_of([*members[:2], ("1.json", SAID), *members[2:]])
    (folder / "plain.tar").write_bytes(archive)
    (folder / "packed.tar.gz").write_bytes(gzip.compress(archive, 1))
    with (folder / "plain.tfrecord").open("wb") as file:
        for number, data in enumerate(IMAGES):
            features = {"image": [data], "filename": [f"{number}.png".encode()]}
            write_record(file, serialized_example(**features))
    records = (folder / "plain.tfrecord").read_bytes()
    (folder / "packed.tfrecord.gz").write_bytes(gzip.compress(records, 1))
    labels = [f"label {number}" for number in range(len(IMAGES))]
    write_hugging_face(folder / "plain.parquet", IMAGES, label=labels)
    table = pa.table({"png": IMAGES, "key": labels})
    pq.write_table(table, folder / "summed.parquet", write_page_checksum=True)


@dataclasses.dataclass(frozen=True)
class Faulty:
    """A store behind a proxy, and the files in it, by URI."""

    proxy: FaultProxy
    shards: tuple[str, ...]


@contextlib.contextmanager
def running_double() -> Iterator[LocalStore]:
    with gcs_double.running_double() as (_, env):
        yield LocalStore(env, f"gs://{gcs_emulator.BUCKET}")


@pytest.fixture(scope="module", params=["gs", "s3"])
def store(request, tmp_path_factory) -> Iterator[Faulty]:
    running, variable, make = {
        "gs": (running_double, "STORAGE_EMULATOR_HOST", GoogleCloudStorage),
        "s3": (s3_emulator.running_emulator, "AWS_ENDPOINT_URL", AmazonS3Storage),
    }[request.param]
    folder = tmp_path_factory.mktemp("shards")
    write_shards(folder)
    with running() as local:
        names = sorted(path.name for path in folder.iterdir())
        with environment(local.env):
            direct: Storage = make()
            for name in names:
                direct.write(f"{local.uri}/{name}", (folder / name).read_bytes())
        with running_proxy(local.env[variable], seed=3) as (proxy, address):
            env = local.env | {variable: address}
            with (
                environment(env),
                use_store(request.param, make(policy=AT_ONCE)),
            ):
                yield Faulty(proxy, tuple(f"{local.uri}/{name}" for name in names))


def listed(uri: str) -> list[ImageRef]:
    [one] = resolve_inputs([uri], uri_column="uri")
    [shard] = list_input(one)
    assert isinstance(shard, Shard)
    return [one for one in list_shard(shard) if isinstance(one, ImageRef)]


def fetched(refs: list[ImageRef]) -> dict[str, bytes | Failure]:
    """What is read of each image: its bytes, or why there are none."""
    pieces = collections.defaultdict(list)
    for ref in refs:
        pieces[tuple(key for key, _ in _keyed(ref, False)) or ref.uri].append(ref)
    found = {}
    for piece in pieces.values():
        for one in fetch_together(piece, max_file_bytes=10**7):
            is_read = isinstance(one, FetchedImage)
            row = one.row if is_read else one
            found[row.uri] = one.data if is_read else row.failure
    return found


def what_matters(refs: list[ImageRef]) -> list[tuple]:
    return [
        (ref.uri, ref.key, ref.carried, ref.layout, ref.part, ref.refusal)
        for ref in refs
    ]


def trial(store: Faulty, uri: str, right: list[ImageRef]) -> collections.Counter:
    """List and read a file while the store damages its answers; count what came."""
    outcomes = collections.Counter()
    try:
        refs = listed(uri)
    except (StorageError, InputError):
        return collections.Counter(stopped=1)
    assert what_matters(refs) == what_matters(right)
    for (name, data), image in zip(fetched(refs).items(), IMAGES, strict=True):
        assert data in (image, Failure.READ_ERROR), name
        outcomes["read" if data == image else "read_error"] += 1
    return outcomes


def without_damage(proxy: FaultProxy) -> None:
    proxy.fail_at_random(0.0, FLIPPED, operation="read")


def test_no_damaged_byte_becomes_an_image_or_a_name(store):
    without_damage(store.proxy)
    right = {uri: listed(uri) for uri in store.shards}
    outcomes: dict[float, collections.Counter] = collections.defaultdict(
        collections.Counter
    )
    chance = random.Random(0)
    for number in range(TRIALS // 2):
        uri = store.shards[number % len(store.shards)]
        rate = chance.choice(RATES)
        store.proxy.fail_at_random(rate, *DAMAGES, operation="read")
        outcomes[rate] += trial(store, uri, right[uri])
    assert outcomes[RATES[0]]["read"] > 0.9 * sum(outcomes[RATES[0]].values())
    assert set(outcomes[1.0]) <= {"stopped", "read_error"}
    total = sum(outcomes.values(), collections.Counter())
    assert total["read_error"] > 0
    assert total["stopped"] > 0


@pytest.mark.parametrize("damage", [FLIPPED, ZEROED])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_same_damage_again_and_again_is_noticed(store, damage, times):
    """What one faulty machine on the way does to all that passes through it."""
    without_damage(store.proxy)
    for uri in store.shards:
        refs = listed(uri)
        store.proxy.fail("read", uri.rpartition("/")[2], *[damage] * times)
        for data, image in zip(fetched(refs).values(), IMAGES, strict=True):
            assert data in (image, Failure.READ_ERROR)
        store.proxy.take_back("read", uri.rpartition("/")[2])


def test_a_checksum_spares_the_second_read(store):
    """Of five images, only the one above 1 MiB in a plain archive is read twice."""
    without_damage(store.proxy)
    expected = {"plain.tar": 6, "plain.tfrecord": 5}
    for uri in store.shards:
        name = uri.rpartition("/")[2]
        refs = listed(uri)
        before = store.proxy.count("read", name)
        fetched(refs)
        reads = store.proxy.count("read", name) - before
        assert reads == expected.get(name, reads)
