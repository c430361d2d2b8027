"""How the s3:// store pins, checks, retries and reports, behind a faulty proxy."""

import sys
import threading

import pytest
from helpers import fault_proxy, s3_emulator
from helpers.fault_proxy import CUT, FLIPPED, LOST, RESET, SHORT, ZEROED, running_proxy
from helpers.local_server import environment

from pipelines.storage import ObjectRefused, StorageError
from pipelines.storage.buckets.amazon_s3 import AmazonS3Storage
from pipelines.storage.retries import RetryPolicy
from pipelines.storage.stores import make_store
from schemas.failures import Failure

DATA = bytes(range(256)) * 200
FAST = RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.02)


@pytest.fixture
def proxy(s3):
    with (
        running_proxy(s3.env["AWS_ENDPOINT_URL"]) as (proxy, address),
        environment(s3_emulator.env_of(address)),
    ):
        yield proxy


@pytest.fixture
def store(proxy):
    return AmazonS3Storage(policy=FAST)


@pytest.fixture
def folder(s3, tmp_path):
    return f"{s3.uri}/{tmp_path.parent.name}/{tmp_path.name}"


@pytest.fixture
def client(s3):
    return s3_emulator.client_of(s3.env)


@pytest.fixture
def listed(proxy, store, folder):
    store.write(f"{folder}/x.jpg", DATA)
    [listed] = store.list(f"{folder}/x.jpg")
    proxy.requests.clear()
    return listed


def place(uri: str) -> dict[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


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
    for secret in (fault_proxy.SECRET, s3_emulator.SECRET, "http:", "?", "\n"):
        assert secret not in message


def operations(proxy) -> list[str]:
    return [request.operation for request in proxy.requests]


def test_a_listing_goes_through_all_pages_and_leaves_out_folder_marks(
    proxy, store, folder, client
):
    names = [f"{number:02}" for number in range(2 * s3_emulator.PAGE_SIZE)]
    for name in [*names, "40/"]:
        client.put_object(**place(f"{folder}/{name}"), Body=b"x")
    found = [one.uri for one in store.list(f"{folder}/")]
    assert found == [f"{folder}/{name}" for name in names]
    assert operations(proxy) == ["list"] * 3


def test_a_listing_is_streamed(proxy, store, folder, client):
    for number in range(s3_emulator.PAGE_SIZE + 1):
        client.put_object(**place(f"{folder}/{number:02}"), Body=b"x")
    assert next(store.list(f"{folder}/")).uri == f"{folder}/00"
    assert operations(proxy) == ["list"]


def test_a_listed_object_is_read_by_one_request(proxy, store, listed):
    assert read(store, listed) == (DATA, listed)
    assert operations(proxy) == ["read"]


def test_an_object_that_was_not_listed_is_read_by_one_request(proxy, store, listed):
    assert store.read(listed.uri, listed=None, max_bytes=99_999) == (DATA, listed)
    assert operations(proxy) == ["read"]


def test_the_same_bytes_written_again_are_the_same_generation(store, listed):
    store.write(listed.uri, DATA)
    assert read(store, listed)[0] == DATA


def test_a_replaced_object_is_changed_and_not_asked_for_again(proxy, store, listed):
    proxy.fail("read", "/x.jpg", lambda: AmazonS3Storage().write(listed.uri, b"new"))
    failure = failure_of(store, listed)
    assert failure.failure is Failure.CHANGED
    assert failure.detail == "the object was replaced after it was listed"
    assert proxy.count("read") == 1


def test_a_deleted_object_is_not_found_and_not_asked_for_again(proxy, store, listed):
    store.delete(listed.uri)
    failure = failure_of(store, listed)
    assert failure.failure is Failure.NOT_FOUND
    assert failure.detail == "there is no such bucket or object"
    assert proxy.count("read") == 1


def test_an_object_above_the_limit_is_refused_unread(proxy, store, listed):
    assert failure_of(store, listed, max_bytes=9).failure is Failure.TOO_LARGE
    assert operations(proxy) == []


def test_a_refusal_is_forbidden_and_not_asked_for_again(proxy, store, listed):
    proxy.fail("read", "/x.jpg", 403)
    failure = failure_of(store, listed)
    assert failure.failure is Failure.FORBIDDEN
    assert "the store refuses access" in failure.detail
    assert proxy.count("read") == 1


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 504, RESET, SHORT])
def test_a_passing_fault_is_survived(proxy, store, listed, fault):
    proxy.fail("read", "/x.jpg", fault, fault)
    assert read(store, listed)[0] == DATA
    assert proxy.count("read") == 3


@pytest.mark.parametrize("operation", ["list", "stat", "write", "delete"])
@pytest.mark.parametrize("fault", [503, RESET, LOST])
def test_every_operation_survives_a_passing_fault(
    proxy, store, listed, operation, fault
):
    proxy.fail(operation, "", fault)
    if operation == "list":
        assert list(store.list(listed.uri)) == [listed]
    elif operation == "stat":
        assert store.stat(listed.uri) == listed
    elif operation == "write":
        store.write(listed.uri, b"new")
        assert store.read(listed.uri, listed=None, max_bytes=9)[0] == b"new"
    else:
        store.delete(listed.uri)
        assert store.stat(listed.uri) is None
    assert proxy.count(operation) >= 2


def test_a_lasting_fault_is_a_read_error_after_six_requests(proxy, store, listed):
    proxy.outage = 503
    failure = failure_of(store, listed)
    assert failure.failure is Failure.READ_ERROR
    assert failure.detail == "the store kept failing (status 503)"
    assert proxy.count("read") == 6


@pytest.mark.parametrize("fault", [CUT, FLIPPED, ZEROED])
@pytest.mark.parametrize("has_checksum", [True, False])
def test_a_damaged_body_is_read_again(
    proxy, store, listed, client, fault, has_checksum
):
    if not has_checksum:  # as of objects written long ago: the ETag must do
        client.meta.config.request_checksum_calculation = "when_required"
        client.put_object(**place(listed.uri), Body=DATA)
    proxy.fail("read", "/x.jpg", fault)
    assert read(store, listed)[0] == DATA
    assert proxy.count("read") == 2


def test_a_body_that_stays_damaged_is_a_read_error(proxy, store, listed):
    proxy.fail("read", "/x.jpg", *[FLIPPED] * 9)
    failure = failure_of(store, listed)
    assert failure.failure is Failure.READ_ERROR
    assert failure.detail == "its bytes keep arriving damaged"
    assert proxy.count("read") == 3


def test_damage_to_an_object_of_parts_is_noticed(proxy, store, folder, client):
    where = place(f"{folder}/parts.jpg")
    about = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    upload = client.create_multipart_upload(**where, **about)["UploadId"]
    part = client.upload_part(
        **where, UploadId=upload, PartNumber=1, Body=DATA, ChecksumAlgorithm="CRC32"
    )
    parts = [{"PartNumber": 1} | {k: part[k] for k in ("ETag", "ChecksumCRC32")}]
    client.complete_multipart_upload(
        **where, UploadId=upload, MultipartUpload={"Parts": parts}
    )
    [listed] = store.list(f"{folder}/parts.jpg")
    assert "-" in listed.generation
    assert read(store, listed)[0] == DATA
    proxy.fail("read", "/parts.jpg", CUT)
    assert read(store, listed)[0] == DATA


def test_a_compressed_object_is_unreadable(store, folder, client):
    uri = f"{folder}/x.jpg"
    client.put_object(**place(uri), Body=DATA, ContentEncoding="gzip")
    failure = failure_of(store, store.stat(uri))
    assert failure.failure is Failure.UNREADABLE
    assert "Content-Encoding gzip" in failure.detail


def test_an_archived_object_is_unreadable_not_forbidden(store, folder, client):
    uri = f"{folder}/x.jpg"
    client.put_object(**place(uri), Body=DATA, StorageClass="GLACIER")
    failure = failure_of(store, store.stat(uri))
    assert failure.failure is Failure.UNREADABLE
    assert "archive storage class" in failure.detail


def test_an_open_object_stays_the_same_content(store, listed):
    with store.open_read(listed.uri) as file:
        assert file.read(3) == DATA[:3]
        store.write(listed.uri, DATA[::-1])
        assert file.seek(0, 2) == len(DATA)
        file.seek(0)
        assert "was replaced" in error_of(file.read)


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("list", lambda store, uri: list(store.list(uri))),
        ("list", lambda store, uri: store.is_folder(f"{uri}/")),
        ("stat", lambda store, uri: store.stat(uri)),
        ("stat", lambda store, uri: store.open_read(uri)),
        ("write", lambda store, uri: store.write(uri, b"x")),
        ("write", lambda store, uri: store.write_if_absent(uri, b"x")),
        ("delete", lambda store, uri: store.delete(uri)),
    ],
)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (400, "the store does not answer properly (status 400)"),
        (403, "the store refuses access; check the account's permissions on the"),
        (503, "the store kept failing (status 503)"),
        (RESET, "the store kept failing (ConnectionClosedError)"),
    ],
)
def test_an_error_says_what_where_and_why(
    proxy, store, folder, operation, call, fault, reason
):
    proxy.fail(operation, "", *[fault] * 9)
    message = error_of(call, store, f"{folder}/x")
    assert message.startswith(("cannot list ", "cannot look ", "cannot wr", "cannot d"))
    assert f"{folder}/x" in message
    assert f": {reason}" in message


def test_a_missing_bucket_is_an_error_that_says_so(store):
    absent = "s3://absent-bucket/x"
    reason = "there is no such bucket or object"
    assert reason in error_of(list, store.list(absent))
    assert reason in error_of(store.write, absent, b"x")
    assert store.stat(absent) is None


def test_put_if_absent_whose_answer_was_lost_still_knows_that_it_won(
    proxy, store, folder
):
    proxy.fail("write", "/new", LOST)
    assert store.write_if_absent(f"{folder}/new", b"mine")
    assert operations(proxy) == ["write", "write", "stat"]
    assert not store.write_if_absent(f"{folder}/new", b"mine")


def test_put_if_absent_is_asked_again_while_another_writer_is_at_it(
    proxy, store, folder
):
    proxy.fail("write", "/new", 409)
    assert store.write_if_absent(f"{folder}/new", b"mine")
    assert proxy.count("write") == 2


def test_a_race_to_put_if_absent_has_one_winner(proxy, folder):
    rivals = [AmazonS3Storage(policy=FAST) for _ in range(6)]
    start, won = threading.Barrier(6), [False] * 6

    def race(number):
        start.wait()
        won[number] = rivals[number].write_if_absent(f"{folder}/new", b"%d" % number)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won) == 1
    found = rivals[0].read(f"{folder}/new", listed=None, max_bytes=9)[0]
    assert found == b"%d" % won.index(True)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        (
            {
                "AWS_ACCESS_KEY_ID": None,
                "AWS_SECRET_ACCESS_KEY": None,
                "AWS_SHARED_CREDENTIALS_FILE": "/absent",
                "AWS_CONFIG_FILE": "/absent",
            },
            "no credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and ",
        ),
        (
            {"AWS_PROFILE": "absent", "AWS_CONFIG_FILE": "/absent"},
            "the credentials cannot be used (ProfileNotFound); check AWS_PROFILE",
        ),
        (
            {"AWS_SECRET_ACCESS_KEY": None},
            "the credentials cannot be used (PartialCredentialsError); check ",
        ),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "AWS_ENDPOINT_URL is not an address"),
    ],
)
def test_a_wrong_environment_is_one_line_with_the_cure(
    proxy, store, listed, monkeypatch, variables, reason
):
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    read_error = error_of(read, AmazonS3Storage(policy=FAST), listed)
    list_error = error_of(list, AmazonS3Storage(policy=FAST).list(listed.uri))
    assert read_error.startswith(f"cannot read {listed.uri}: {reason}")
    assert list_error.startswith(f"cannot list {listed.uri}: {reason}")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, "ExpiredToken", "does not accept the credentials (ExpiredToken); renew"),
        (403, "InvalidAccessKeyId", "does not accept the credentials (InvalidAccess"),
        (301, "PermanentRedirect", "lies in another region; set AWS_DEFAULT_REGION"),
        (400, "AuthorizationHeaderMalformed", "lies in another region; set AWS_DEF"),
    ],
)
def test_what_would_fail_for_every_image_fails_the_job_not_the_image(
    proxy, store, listed, monkeypatch, status, code, reason
):
    monkeypatch.setitem(fault_proxy.CODES, status, code)
    proxy.fail("read", "/x.jpg", *[status] * 9)
    assert reason in error_of(read, store, listed)


def test_an_unreachable_store_is_one_line(monkeypatch, listed):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    message = error_of(AmazonS3Storage(policy=FAST).stat, listed.uri)
    assert "the store cannot be reached (EndpointConnectionError); check " in message
    assert "AWS_ENDPOINT_URL" in message


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("s3://", "no bucket can have this name"),
        ("s3://b ad?x=1/x", "no bucket can have this name"),
        ("s3://key:secret@bucket/x", "no bucket can have this name"),
        ("s3://bucket/", "no object can have this name"),
        ("s3://bucket/\udcff", "the name is not UTF-8"),
        (f"s3://bucket/{'x' * 1025}", "the name is longer than 1024 bytes"),
    ],
)
def test_a_name_that_no_object_can_have_is_refused_unasked(proxy, store, name, reason):
    with pytest.raises(ObjectRefused) as caught:
        store.read(name, listed=None, max_bytes=9)
    assert caught.value.failure is Failure.UNSAFE_NAME
    assert caught.value.detail == reason
    with pytest.raises(StorageError) as error:
        store.write(name, b"x")
    assert str(error.value).endswith(f": {reason}")
    assert proxy.requests == []


@pytest.mark.parametrize("name", ["a//b", "/a", "a/../b", "./a", "a%2Fb+c d"])
def test_a_path_like_name_is_not_normalised(store, folder, client, name):
    store.write(f"{folder}/{name}", name.encode())
    assert store.read(f"{folder}/{name}", listed=None, max_bytes=99)[0]
    found = client.list_objects_v2(**place_of_prefix(folder))["Contents"]
    assert [one["Key"].split("/", 2)[2] for one in found] == [name]


def place_of_prefix(folder) -> dict[str, str]:
    where = place(f"{folder}/")
    return {"Bucket": where["Bucket"], "Prefix": where["Key"]}


def test_without_the_client_package_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pipelines.storage.buckets.amazon_s3", None)
    with pytest.raises(StorageError, match=r"pip install 'musiq\[aws\]'"):
        make_store("s3")
