"""The job on gs:// and s3:// while the store fails: rows 12 to 16 of the fault model.

Requests that fail, bodies that arrive damaged, objects that vanish, change or are
refused after they were listed, and stores that are down for a while or for good.
"""

import collections
import contextlib
import dataclasses
import io
import threading
from collections.abc import Callable, Iterator

import psutil
import pyarrow.parquet as pq
import pytest
from helpers import gcs_double, gcs_emulator, s3_emulator
from helpers.fault_proxy import (
    CUT,
    FLIPPED,
    LOST,
    RESET,
    SECRET,
    SHORT,
    SLOW,
    ZEROED,
    FaultProxy,
    running_proxy,
)
from helpers.local_server import LocalStore, environment
from helpers.make_images import encoded, noise
from helpers.run_musiq import Outcome, facts_of, run_here, run_musiq
from helpers.tiny_models import tiny_model_file

from pipelines.scoring.reading.forbidden_run import FORBIDDEN_IMAGES, ForbiddenRun
from pipelines.storage import (
    ObjectRefused,
    Storage,
    StorageError,
)
from pipelines.storage.buckets.amazon_s3 import AmazonS3Storage
from pipelines.storage.buckets.google_cloud import GoogleCloudStorage
from pipelines.storage.retries import RetryPolicy
from pipelines.storage.stores import use_store
from schemas.delta.commits import commit_name
from schemas.failures import Failure

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("no_child_left")]

IMAGES = [f"image-{number:02}.png" for number in range(60)]
SOME_ERRORS = (429, 500, 503, RESET, SLOW, LOST)
SOME_DAMAGE = (SHORT, CUT, FLIPPED, ZEROED)
WHAT_A_RUN_DECIDES = {"run_id", "scored_at", "generation", "modified_at"}
# A hundredth of the production waits: an outage of 0.6 s stands for one of a minute.
QUICK = RetryPolicy(first_wait_seconds=0.005, longest_wait_seconds=0.4)


@dataclasses.dataclass(frozen=True)
class Faulty:
    """A store with photos in it, behind a proxy.

    Attributes:
      proxy: Decides on faults.
      env: What leads a program to the proxy.
      bucket: URI of the bucket.
      direct: Makes a storage that passes by the proxy.
      through: Makes one that goes through it.
    """

    proxy: FaultProxy
    env: dict[str, str]
    bucket: str
    direct: Storage
    through: Callable[[], Storage]

    @property
    def photos(self) -> str:
        return f"{self.bucket}/photos"

    def score(self, ledger: str, model, *, workers: int = 2, run=run_musiq) -> Outcome:
        with environment(self.env):
            return run(
                *("score", "--input", self.photos, "--model", model, "--json"),
                *("--output", f"{self.bucket}/{ledger}", "--workers", workers),
            )

    def rows(self, ledger: str) -> dict[str, dict]:
        def read(name: str) -> bytes:
            with self.direct.open_read(f"{self.bucket}/{ledger}/{name}") as file:
                return file.read()

        files = facts_of(read(commit_name(0)))["files"]
        tables = [pq.read_table(io.BytesIO(read(file["path"]))) for file in files]
        return {row["key"]: row for table in tables for row in table.to_pylist()}


@contextlib.contextmanager
def running_double() -> Iterator[LocalStore]:
    with gcs_double.running_double() as (_, env):
        yield LocalStore(env, f"gs://{gcs_emulator.BUCKET}")


@pytest.fixture(scope="module", params=["gs", "s3"])
def upstream(request):
    """A store with the photos in it, which never fails, and its endpoint variable."""
    running, variable, make = {
        "gs": (running_double, "STORAGE_EMULATOR_HOST", GoogleCloudStorage),
        "s3": (s3_emulator.running_emulator, "AWS_ENDPOINT_URL", AmazonS3Storage),
    }[request.param]
    with running() as local, environment(local.env):
        direct = make()
        for number, name in enumerate(IMAGES):
            direct.write(f"{local.uri}/photos/{name}", image(number))
        yield local, variable, direct, make


@pytest.fixture
def store(upstream):
    """The store behind a proxy that does not fail yet; photos are put back after."""
    local, variable, direct, make = upstream
    with running_proxy(local.env[variable], seed=8) as (proxy, address):
        env = local.env | {variable: address}
        yield Faulty(proxy, env, local.uri, direct, lambda: make(policy=QUICK))
    for number in range(2):
        direct.write(f"{local.uri}/photos/{IMAGES[number]}", image(number))


@pytest.fixture
def no_child_left(upstream):
    """Fail if a run in this process leaves a child; the emulator is one that stays."""
    before = psutil.Process().children(recursive=True)
    yield
    left = psutil.Process().children(recursive=True)
    assert [child for child in left if child not in before] == []


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    path.write_bytes(tiny_model_file())
    return path


@pytest.fixture(scope="module")
def golden(upstream, model):
    """The rows of a run without faults, and how many requests it made."""
    local, variable, direct, make = upstream
    with running_proxy(local.env[variable]) as (proxy, address):
        env = local.env | {variable: address}
        calm = Faulty(proxy, env, local.uri, direct, make)
        outcome = calm.score("golden", model)
        assert outcome.code == 0, outcome.err
        return calm.rows("golden"), len(proxy.requests)


@pytest.fixture
def quick():
    """Stores of this process with the quick policy, made anew."""
    with (
        use_store("s3", AmazonS3Storage(policy=QUICK)),
        use_store("gs", GoogleCloudStorage(policy=QUICK)),
    ):
        yield


def image(number: int) -> bytes:
    return encoded(noise(20 + number * 7 % 60, 20 + number * 13 % 70, number))


def require_equal(rows: dict[str, dict], golden: dict[str, dict], *, but=()) -> None:
    """Require golden rows for all images but some."""
    assert rows.keys() == golden.keys()
    for key in golden.keys() - set(but):
        for column, value in golden[key].items():
            if column in WHAT_A_RUN_DECIDES:
                continue
            expected = pytest.approx(value, abs=1e-5) if "musiq" in column else value
            assert rows[key][column] == expected, (key, column)


def failure_to_read(storage: Storage, uri: str) -> Failure | None:
    try:
        storage.read(uri, listed=None, max_bytes=99_999)
    except ObjectRefused as refused:
        return refused.failure
    return None


def reads_by_image(proxy: FaultProxy) -> collections.Counter[str]:
    return collections.Counter(
        request.name
        for request in proxy.requests
        if request.operation == "read" and "/photos/" in request.name
    )


def test_a_tenth_of_failing_requests_changes_nothing(store, model, golden):
    store.proxy.fail_at_random(0.1, *SOME_ERRORS)
    outcome = store.score("tenth", model)
    assert outcome.code == 0, outcome.err
    rows, requests = golden
    require_equal(store.rows("tenth"), rows)
    faults = [one for one in store.proxy.requests if one.fault is not None]
    assert len(faults) >= 8  # as this seed has it, of reads alone
    assert max(reads_by_image(store.proxy).values()) <= 6
    assert len(store.proxy.requests) <= 2 * requests
    assert SECRET not in outcome.err


def test_damaged_bodies_are_never_scored(store, model, golden):
    store.proxy.fail_at_random(0.15, *SOME_DAMAGE, operation="read")
    for name, damage in zip(IMAGES, (CUT, FLIPPED, ZEROED), strict=False):
        store.proxy.fail("read", f"/photos/{name}", *[damage] * 3)
    outcome = store.score("damaged", model)
    assert outcome.code == 0, outcome.err
    rows = store.rows("damaged")
    lost = {key for key, row in rows.items() if row["failure"] == "read_error"}
    assert lost >= {*IMAGES[:3]}
    assert len(lost) <= 5
    require_equal(rows, golden[0], but=lost)
    for key in lost:
        assert (rows[key]["musiq_tiny"], rows[key]["transient"]) == (None, True)
    assert max(reads_by_image(store.proxy).values()) <= 6


def test_answers_other_than_images_that_arrive_damaged_change_nothing(
    store, model, golden
):
    for operation in ("list", "stat", "write"):
        store.proxy.fail(operation, "", CUT, ZEROED)
    outcome = store.score("answers", model)
    assert outcome.code == 0, outcome.err
    require_equal(store.rows("answers"), golden[0])
    faulty = {one.operation for one in store.proxy.requests if one.fault is not None}
    assert faulty >= {"list", "write"}


@pytest.mark.parametrize("damage", SOME_DAMAGE)
def test_a_body_that_stays_damaged_is_a_read_error(store, damage):
    store.proxy.fail_at_random(1.0, damage, operation="read")
    with environment(store.env):
        failure = failure_to_read(store.through(), f"{store.photos}/{IMAGES[0]}")
    assert failure is Failure.READ_ERROR
    assert 3 <= store.proxy.count("read") <= 6


def test_what_happens_after_the_listing_is_one_row_each(store, model, golden):
    gone, replaced = (f"{store.photos}/{name}" for name in IMAGES[:2])
    proxy, direct = store.proxy, store.direct
    proxy.fail("read", IMAGES[0], lambda: direct.delete(gone))
    proxy.fail("read", IMAGES[1], lambda: direct.write(replaced, image(99)))
    proxy.fail("read", IMAGES[2], 403)
    outcome = store.score("after", model)
    assert outcome.code == 0, outcome.err
    rows = store.rows("after")
    failures = [rows[name]["failure"] for name in IMAGES[:3]]
    assert failures == ["not_found", "changed", "forbidden"]
    require_equal(rows, golden[0], but=IMAGES[:3])
    assert set(reads_by_image(proxy).values()) == {1}
    assert proxy.count("stat", f"/photos/{IMAGES[0]}") <= 1


@pytest.mark.parametrize("fault", [503, RESET])
def test_an_outage_shorter_than_all_waits_loses_nothing(store, fault):
    [listed] = store.direct.list(f"{store.photos}/{IMAGES[0]}")
    with environment(store.env):
        storage = store.through()
        store.proxy.outage = fault
        end = threading.Timer(0.6, setattr, (store.proxy, "outage", None))
        end.start()
        data, _ = storage.read(listed.uri, listed=listed, max_bytes=99_999)
    assert data == image(0)
    assert store.proxy.count("read") <= 6


@pytest.mark.parametrize("fault", [503, RESET])
def test_a_store_that_goes_down_for_good_fails_the_run_in_one_line(
    store, model, quick, fault
):
    def go_down():
        store.proxy.outage = fault

    for name in IMAGES[20:]:
        store.proxy.fail("read", name, go_down)
    outcome = store.score("down", model, workers=1, run=run_here)
    assert outcome.code == 1
    line = outcome.err.splitlines()[-1]  # after the progress
    assert line.startswith("musiq score: error: cannot read ")
    assert "the store counts as down" in line
    assert "Traceback" not in outcome.err
    assert store.direct.stat(f"{store.bucket}/down/{commit_name(0)}") is None
    asked = [n for n in reads_by_image(store.proxy).values() if n > 1]
    assert len(asked) <= 16  # not every image; a few may be read ahead


def test_a_store_that_is_down_from_the_start_fails_in_one_line(store, model, quick):
    store.proxy.outage = 503
    outcome = store.score("never", model, workers=1, run=run_here)
    assert outcome.code == 2
    assert "the store kept failing (status 503)" in outcome.err.splitlines()[-1]
    assert len(store.proxy.requests) <= 6


def test_objects_that_fail_between_others_do_not_fail_the_run(store):
    failed = []
    with environment(store.env):
        storage = store.through()
        for number, name in enumerate(IMAGES[:12]):
            if number % 3:
                store.proxy.fail("read", name, *[FLIPPED] * 3)
            failed.append(failure_to_read(storage, f"{store.photos}/{name}"))
    assert failed == [None, Failure.READ_ERROR, Failure.READ_ERROR] * 4


def test_a_worker_that_may_read_nothing_stops_after_a_hundred(store):
    uri = f"{store.photos}/{IMAGES[0]}"
    store.proxy.fail_at_random(1.0, 403, operation="read")
    run = ForbiddenRun()
    with environment(store.env):
        storage = store.through()
        for _ in range(FORBIDDEN_IMAGES - 1):
            assert failure_to_read(storage, uri) is Failure.FORBIDDEN
            run.refused(uri, "refused")
    with pytest.raises(StorageError, match="nor any of the first 100 images"):
        run.refused(uri, "refused")


@pytest.mark.slow
def test_the_job_survives_a_real_minute_of_outage(store, model, golden):
    def go_down():
        store.proxy.outage = 503
        threading.Timer(60, setattr, (store.proxy, "outage", None)).start()

    store.proxy.fail("read", IMAGES[30], go_down)
    outcome = store.score("minute", model)
    assert outcome.code == 0, outcome.err
    require_equal(store.rows("minute"), golden[0])
