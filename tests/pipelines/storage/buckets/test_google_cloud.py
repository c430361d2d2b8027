"""How the gs:// store retries, checks and reports, against a double that can fail."""

import os
import threading

import pytest
from helpers import gcs_double, gcs_emulator
from helpers.fault_proxy import CUT, ZEROED, running_proxy
from helpers.local_server import environment

from pipelines.storage import ObjectRefused, StorageError
from pipelines.storage.buckets.google_cloud import GoogleCloudStorage
from pipelines.storage.retries import RetryPolicy
from schemas.failures import Failure

HOST = f"gs://{gcs_emulator.BUCKET}"
DATA = bytes(range(256)) * 200  # several of the chunks that the client reads
FAST = RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.02)


@pytest.fixture
def double():
    with (
        gcs_double.running_double() as (double, env),
        environment(env),
    ):
        yield double


@pytest.fixture
def store(double):
    return GoogleCloudStorage(policy=FAST)


@pytest.fixture
def proxy(double):
    """What stands between the double and stores that connect from now on."""
    upstream = os.environ["STORAGE_EMULATOR_HOST"]
    with (
        running_proxy(upstream) as (proxy, address),
        environment({"STORAGE_EMULATOR_HOST": address}),
    ):
        yield proxy


@pytest.fixture
def listed(double):
    double.put("x.jpg", DATA)
    [listed] = GoogleCloudStorage(policy=FAST).list(f"{HOST}/x.jpg")
    double.requests.clear()
    return listed


def read(store, listed, max_bytes=100_000):
    return store.read(listed.uri, listed=listed, max_bytes=max_bytes)


def failure_of(store, listed, **settings) -> ObjectRefused:
    with pytest.raises(ObjectRefused) as caught:
        read(store, listed, **settings)
    require_discreet(str(caught.value))
    return caught.value


def error_of(call, *arguments) -> str:
    with pytest.raises(StorageError) as caught:
        call(*arguments)
    require_discreet(str(caught.value))
    return str(caught.value)


def require_discreet(message):
    for secret in (gcs_double.SECRET, "token", "?", "http:", "ifGeneration", "alt="):
        assert secret not in message


def test_a_listing_goes_through_all_pages_and_leaves_out_folder_marks(double, store):
    double.page_size = 2
    names = ["a/", "a/1", "a/2", "a/3/", "a/3/4", "a/5", "b"]
    for name in names:
        double.put(name, b"x")
    found = [one.uri for one in store.list(f"{HOST}/a")]
    assert found == [f"{HOST}/{name}" for name in ("a/1", "a/2", "a/3/4", "a/5")]
    assert double.requests == ["list"] * 3


def test_a_listing_is_streamed(double, store):
    double.page_size = 2
    for name in "abcdef":
        double.put(name, b"x")
    assert next(store.list(f"{HOST}/")).uri == f"{HOST}/a"
    assert double.requests == ["list"]


def test_a_listed_object_is_read_by_one_request(double, store, listed):
    assert read(store, listed) == (DATA, listed)
    assert double.requests == ["download"]


def test_a_part_is_read_by_one_ranged_request(double, store, listed):
    assert store.read_part(listed, 5, 300) == DATA[5:300]
    assert double.requests == ["download"]


@pytest.mark.parametrize(
    ("act", "failure"),
    [
        (lambda double: double.put("x.jpg", DATA), Failure.CHANGED),
        (lambda double: double.delete("x.jpg"), Failure.NOT_FOUND),
        (lambda double: double.fail("download", 404), Failure.CHANGED),
        (lambda double: double.fail("download", 403), Failure.FORBIDDEN),
        (lambda double: double.fail("download", 500, times=9), Failure.READ_ERROR),
        (lambda d: d.fail("download", gcs_double.CUT, times=9), Failure.READ_ERROR),
    ],
)
def test_a_part_that_cannot_be_read_fails_like_a_whole_object(
    double, store, listed, act, failure
):
    act(double)
    with pytest.raises(ObjectRefused) as caught:
        store.read_part(listed, 5, 300)
    assert caught.value.failure is failure
    require_discreet(str(caught.value))


def test_a_read_of_no_listed_generation_asks_for_the_current_one(double, store, listed):
    double.put("x.jpg", b"newer")
    data, found = store.read(listed.uri, listed=None, max_bytes=9)
    assert data == b"newer"
    assert int(found.generation) > int(listed.generation)


def test_a_replaced_object_is_changed_and_not_asked_for_again(double, store, listed):
    double.put("x.jpg", DATA)
    failure = failure_of(store, listed)
    assert failure.failure is Failure.CHANGED
    assert failure.detail == "the object was replaced after it was listed"
    assert double.requests == ["download"]


def test_a_deleted_object_is_not_found_and_hardly_asked_for_again(
    double, store, listed
):
    double.delete("x.jpg")
    failure = failure_of(store, listed)
    assert failure.failure is Failure.NOT_FOUND
    assert failure.detail == "there is no such bucket or object"
    assert double.requests == ["download", "stat"]


def test_a_404_for_an_old_generation_of_an_object_is_changed(double, store, listed):
    double.fail("download", 404)
    assert failure_of(store, listed).failure is Failure.CHANGED


def test_an_object_above_the_limit_is_refused_unread(double, store, listed):
    assert failure_of(store, listed, max_bytes=9).failure is Failure.TOO_LARGE
    assert double.requests == []


def test_a_refusal_is_forbidden_and_not_asked_for_again(double, store, listed):
    double.fail("download", 403)
    failure = failure_of(store, listed)
    assert failure.failure is Failure.FORBIDDEN
    assert "the store refuses access" in failure.detail
    assert double.requests == ["download"]


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 504, gcs_double.RESET])
def test_a_passing_fault_is_survived(double, store, listed, fault):
    double.fail("download", fault, times=2)
    assert read(store, listed)[0] == DATA
    assert double.requests == ["download"] * 3


@pytest.mark.parametrize("operation", ["list", "stat", "upload"])
@pytest.mark.parametrize("fault", [503, gcs_double.RESET])
def test_every_operation_survives_a_passing_fault(
    double, store, listed, operation, fault
):
    double.fail(operation, fault)
    if operation == "list":
        assert list(store.list(f"{HOST}/")) == [listed]
    elif operation == "stat":
        assert store.stat(listed.uri) == listed
    else:
        store.write(f"{HOST}/new", DATA)
        assert double.content("new") == DATA
    assert double.requests == [operation] * 2


@pytest.mark.parametrize("damage", [CUT, ZEROED])
@pytest.mark.parametrize("operation", ["list", "stat", "write", "put-if-absent"])
def test_an_answer_that_arrives_damaged_is_asked_for_again(
    double, store, listed, proxy, operation, damage
):
    kind = "write" if operation == "put-if-absent" else operation
    proxy.fail(kind, "", damage)
    if operation == "list":
        assert list(store.list(f"{HOST}/")) == [listed]
    elif operation == "stat":
        assert store.stat(listed.uri) == listed
    elif operation == "write":
        store.write(f"{HOST}/new", DATA)
        assert double.content("new") == DATA
    else:
        assert store.write_if_absent(f"{HOST}/new", DATA)
    assert proxy.count(kind) == 2


def test_answers_that_stay_damaged_are_an_error_that_says_so(store, listed, proxy):
    proxy.fail("stat", "", *[CUT] * 9)
    message = error_of(store.stat, listed.uri)
    assert message.endswith(": the store kept failing (JSONDecodeError)")
    assert proxy.count("stat") == 6


def test_a_lasting_fault_is_a_read_error_after_few_requests(double, store, listed):
    double.fail("download", 503, times=1000)
    failure = failure_of(store, listed)
    assert failure.failure is Failure.READ_ERROR
    assert failure.detail == "the store kept failing (status 503)"
    assert double.requests == ["download"] * 6


@pytest.mark.parametrize("fault", [gcs_double.CUT, gcs_double.DAMAGED])
def test_a_damaged_body_is_read_again(double, store, listed, fault):
    double.fail("download", fault)
    assert read(store, listed)[0] == DATA
    assert double.requests == ["download"] * 2


@pytest.mark.parametrize("fault", [gcs_double.CUT, gcs_double.DAMAGED])
def test_a_body_that_stays_damaged_is_a_read_error(double, store, listed, fault):
    double.fail("download", fault, times=100)
    failure = failure_of(store, listed)
    assert failure.failure is Failure.READ_ERROR
    assert failure.detail == "its bytes keep arriving damaged"
    assert double.requests == ["download"] * 3


def test_an_interrupted_body_is_read_again(double, store, listed):
    double.fail("download", gcs_double.SHORT)
    double.fail("download", gcs_double.DAMAGED)
    assert read(store, listed)[0] == DATA
    assert double.requests == ["download"] * 3


def test_a_compressed_object_is_unreadable(double, store):
    double.put("x.jpg", DATA, content_encoding="gzip")
    [listed] = store.list(f"{HOST}/x.jpg")
    failure = failure_of(store, listed)
    assert failure.failure is Failure.UNREADABLE
    assert "Content-Encoding gzip" in failure.detail


def test_an_open_object_stays_the_same_generation(double, store, listed):
    with store.open_read(listed.uri) as file:
        assert file.read(3) == DATA[:3]
        double.put("x.jpg", DATA[::-1])
        assert file.seek(0, 2) == len(DATA)
        file.seek(0)
        assert "was replaced" in error_of(file.read)


def test_an_open_object_is_checked_when_read_whole(double, store, listed):
    double.fail("download", gcs_double.DAMAGED)
    with store.open_read(listed.uri) as file:
        assert file.read() == DATA


def test_an_open_object_reports_a_fault_as_a_storage_error(double, store, listed):
    with store.open_read(listed.uri) as file:
        double.fail("download", 403)
        assert "the store refuses access" in error_of(file.read, 5)
        with pytest.raises(ValueError, match="negative seek position -1"):
            file.seek(-1)


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("list", lambda store: list(store.list(f"{HOST}/x"))),
        ("list", lambda store: store.is_folder(f"{HOST}/x/")),
        ("stat", lambda store: store.stat(f"{HOST}/x")),
        ("stat", lambda store: store.open_read(f"{HOST}/x")),
        ("upload", lambda store: store.write(f"{HOST}/x", b"x")),
        ("upload", lambda store: store.write_if_absent(f"{HOST}/x", b"x")),
    ],
)
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "the store does not answer properly (status 400)"),
        (403, "the store refuses access; check the account's roles on the bucket"),
        (503, "the store kept failing (status 503)"),
    ],
)
def test_an_error_says_what_where_and_why(
    double, store, operation, call, status, reason
):
    double.fail(operation, status, times=1000)
    message = error_of(call, store)
    assert message.startswith(("cannot list ", "cannot look at ", "cannot write "))
    assert f"{HOST}/x" in message
    assert message.endswith(f": {reason}")


def test_a_missing_bucket_is_an_error_that_says_so(double, store):
    absent = "gs://absent-bucket/x"
    reason = "there is no such bucket or object"
    assert reason in error_of(list, store.list(absent))
    assert reason in error_of(store.write, absent, b"x")
    assert store.stat(absent) is None


def test_missing_credentials_fail_the_job_with_the_cure(store, listed, monkeypatch):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/absent.json")
    for call in (lambda: read(store, listed), lambda: store.stat(listed.uri)):
        message = error_of(call)
        assert "no usable credentials found" in message
        assert "gcloud auth application-default login" in message


def test_refused_credentials_fail_the_job_not_the_image(store, listed, monkeypatch):
    monkeypatch.setenv("API_ENDPOINT_OVERRIDE", os.environ["STORAGE_EMULATOR_HOST"])
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    with gcs_emulator.stub_credentials(400) as env, environment(env):
        message = error_of(read, store, listed)
    assert message.startswith(f"cannot read {listed.uri}: the credentials are not ")
    assert "run `gcloud auth application-default login`" in message


def test_a_401_fails_the_job_not_the_image(double, store, listed):
    double.fail("download", 401)
    assert "credentials" in error_of(read, store, listed)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("gs://", "no bucket can have this name"),
        ("gs:///x", "no bucket can have this name"),
        ("gs://b ad?x=1/x", "no bucket can have this name"),
        ("gs://../x", "no bucket can have this name"),
        (f"{HOST}/", "no object can have this name"),
        (f"{HOST}/..", "no object can have this name"),
        (f"{HOST}/\udcff", "the name is not UTF-8"),
        (f"{HOST}/{'x' * 1025}", "the name is longer than 1024 bytes"),
    ],
)
def test_a_name_that_no_object_can_have_is_refused_unasked(double, store, uri, reason):
    with pytest.raises(ObjectRefused) as caught:
        store.read(uri, listed=None, max_bytes=9)
    assert caught.value.failure is Failure.UNSAFE_NAME
    assert caught.value.detail == reason
    with pytest.raises(StorageError) as error:
        store.write(uri, b"x")
    assert str(error.value).endswith(f": {reason}")
    assert double.requests == []


def test_put_if_absent_creates_once(double, store):
    assert store.write_if_absent(f"{HOST}/new", b"first")
    assert not store.write_if_absent(f"{HOST}/new", b"second")
    assert double.content("new") == b"first"


def test_a_file_is_put_if_absent_once(double, store, tmp_path):
    path = tmp_path / "spool"
    for data in (b"first", b"second"):
        path.write_bytes(data)
        is_put = store.write_file_if_absent(f"{HOST}/new", str(path))
        assert is_put == (data == b"first")
    assert double.content("new") == b"first"


def test_put_if_absent_whose_answer_was_lost_still_knows_that_it_won(double, store):
    double.fail("upload", gcs_double.LOST)
    assert store.write_if_absent(f"{HOST}/new", b"mine")
    assert double.requests == ["upload", "upload", "stat"]
    assert not store.write_if_absent(f"{HOST}/new", b"mine")


def test_a_race_to_put_if_absent_has_one_winner(double):
    stores = [GoogleCloudStorage(policy=FAST) for _ in range(8)]
    start = threading.Barrier(8)
    won = [False] * 8

    def race(number):
        start.wait()
        won[number] = stores[number].write_if_absent(f"{HOST}/new", b"%d" % number)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won) == 1
    assert double.content("new") == b"%d" % won.index(True)


def test_a_hostile_name_is_the_same_name_at_the_store(double, store):
    for name in ("a%20b#c?d[1].jpg", "new\nline", "a//b/../c", "Ü", "*"):
        store.write(f"{HOST}/{name}", name.encode())
        assert double.content(name) == name.encode()
        assert store.read(f"{HOST}/{name}", listed=None, max_bytes=99)[0]
