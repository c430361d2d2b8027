"""What names mean, and that none is changed on its way to a URI and back."""

import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.storage import NameRefused, join, resolve
from pipelines.storage.uris import path_of_uri, scheme_of, uri_of_path
from schemas.failures import Failure

PATHS = (
    b"/plain/file.jpg",
    b"/a%20b#c?d[1].jpg",
    b"/a\nb",
    "/Ü-漢字".encode(),
    b"/\xff\xfe.jpg",
    b"/a%ff\xff%",
    b"file:",
    b"file:/x",
    b"file:///x",
    b"FILE://x",
    b"gs://bucket/x",
    b"s3-x.y+z://x",
    b"://x",
    b"1://x",
    b"/x/gs://bucket",
    b"~/x",
    b".",
)


def refusal(text, base=None) -> NameRefused:
    with pytest.raises(NameRefused) as caught:
        resolve(text, base=base)
    return caught.value


@pytest.mark.parametrize("path", PATHS)
def test_a_path_comes_back_from_its_uri(path):
    uri = uri_of_path(path)
    assert path_of_uri(uri) == path
    assert scheme_of(uri) in ("", "file")
    uri.encode("utf-8")


@given(st.binary(max_size=20) | st.text("file:/gs%2F\udcff", max_size=12))
def test_any_path_comes_back_from_its_uri(path):
    path = path if isinstance(path, bytes) else os.fsencode(path)
    uri = uri_of_path(path)
    assert path_of_uri(uri) == path
    assert scheme_of(uri) in ("", "file")


@given(st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name))
def test_the_uri_of_an_absolute_path_means_itself(name):
    path = os.path.normpath(b"/folder/" + name)
    uri = uri_of_path(path)
    assert resolve(uri, base=None) == uri
    assert resolve(uri, base="/elsewhere/") == uri


def test_a_plain_path_is_its_own_uri():
    assert uri_of_path(b"/a b%20#?.jpg") == "/a b%20#?.jpg"
    assert uri_of_path(b"/\xff") == "file:///%FF"


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("gs://b/x", "gs"),
        ("GS://b/x", "gs"),
        ("git+ssh://x", "git+ssh"),
        ("/gs://b", ""),
        ("a b://c", ""),
        ("://c", ""),
        ("ü://c", ""),
        ("gs:/x", ""),
        ("", ""),
    ],
)
def test_a_scheme_is_what_stands_before_the_slashes(uri, scheme):
    assert scheme_of(uri) == scheme


@pytest.mark.parametrize(
    ("text", "base", "uri"),
    [
        ("x.jpg", "/data/", "/data/x.jpg"),
        ("x.jpg", "/data", "/data/x.jpg"),
        ("a/../x.jpg", "/data/", "/data/x.jpg"),
        ("../x.jpg", "/data/sub/", "/data/x.jpg"),
        ("/x.jpg", "/data/", "/x.jpg"),
        ("folder/", "/data/", "/data/folder/"),
        ("/", "/data/", "/"),
        ("a%20b#c?d[1].jpg", "/data/", "/data/a%20b#c?d[1].jpg"),
        ("file:///a%20b.jpg", "/data/", "/a b.jpg"),
        ("file:///%FF.jpg", "/data/", "file:///%FF.jpg"),
        ("\udcff.jpg", "/data/", "file:///data/%FF.jpg"),
        ("x.jpg", "file:///%FF/", "file:///%FF/x.jpg"),
        ("gs://b/x", "/data/", "gs://b/x"),
        ("gs://b/x", "gs://a/lists/", "gs://b/x"),
        ("GS://b/X", None, "gs://b/X"),
        ("gs://b/a/../x//y", None, "gs://b/a/../x//y"),
        ("x.jpg", "gs://a/lists/", "gs://a/lists/x.jpg"),
        ("x.jpg", "gs://a/lists", "gs://a/lists/x.jpg"),
        ("a%20b#c?", "gs://a/", "gs://a/a%20b#c?"),
    ],
)
def test_a_name_means(text, base, uri):
    assert resolve(text, base=base) == uri


def test_a_name_from_the_command_line_is_relative_to_the_current_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert resolve("x.jpg", base=None) == f"{tmp_path}/x.jpg"


@pytest.mark.parametrize("text", ["/etc/passwd", "file:///etc/passwd", "FILE://x"])
def test_a_list_in_an_object_store_may_not_name_a_local_file(text):
    failure = refusal(text, "gs://a/lists/")
    assert failure.failure is Failure.FORBIDDEN_URI
    assert failure.detail == "a list in an object store names a local file"


@pytest.mark.parametrize("scheme", ["http", "https", "HTTPS", "hdfs", "ftp", "git+ssh"])
@pytest.mark.parametrize("base", [None, "/data/", "gs://a/"])
def test_other_schemes_are_refused_and_their_query_is_not_told(scheme, base):
    failure = refusal(f"{scheme}://user:pass@host/x?token=secret", base)
    assert failure.failure is Failure.FORBIDDEN_URI
    assert failure.detail.startswith(f"{scheme.lower()}:// is not read; ")
    for secret in ("secret", "pass", "host"):
        assert secret not in failure.detail


@pytest.mark.parametrize(
    ("text", "base", "reason"),
    [
        ("", None, "the name is empty"),
        ("a\0b", None, "the name has a NUL"),
        ("gs://b/a\0b", None, "the name has a NUL"),
        ("a\0b", "gs://b/", "the name has a NUL"),
        ("file:///a%00b", None, "the name has a NUL"),
        ("\ud800", None, "the name is not text"),
        ("file:///\udcff", None, "the name is not text"),
        (
            "gs://b/\udcff",
            None,
            "the name is not UTF-8, as names in an object store must be",
        ),
        (
            "\udcff",
            "gs://b/",
            "the name is not UTF-8, as names in an object store must be",
        ),
    ],
)
def test_names_that_no_store_can_hold_are_unsafe(text, base, reason):
    failure = refusal(text, base)
    assert failure.failure is Failure.UNSAFE_NAME
    assert failure.detail == reason


@given(st.text(max_size=20), st.sampled_from([None, "/data/", "gs://b/f/"]))
def test_any_text_means_one_uri_or_is_refused(text, base):
    with contextlib.suppress(NameRefused):
        uri = resolve(text, base=base)
        assert resolve(uri, base=base) == uri


@pytest.mark.parametrize("folder", ["gs://b/f", "gs://b/f/", "gs://b/f//"])
def test_joining_puts_one_slash(folder):
    assert join(folder, "a/b") == "gs://b/f/a/b"


def test_joining_to_the_root_folder_stays_absolute():
    assert join("/", "x") == "/x"


def test_file_uris_name_files_of_this_machine():
    assert resolve("file://localhost/a%20b.jpg", base=None) == "/a b.jpg"
    assert resolve("//a//b.jpg", base=None) == "/a/b.jpg"
    for other in ("file://host/x.jpg", "file://x.jpg", "file://"):
        assert refusal(other).detail == "file:// must name a file of this machine"


@pytest.mark.parametrize(
    ("spelling", "uri"),
    [
        ("gcs://b/a%20b#c", "gs://b/a%20b#c"),
        ("GCS://b/x", "gs://b/x"),
        ("s3a://b/x/", "s3://b/x/"),
        ("s3n://b/S3A://x", "s3://b/S3A://x"),
        ("S3A://b", "s3://b"),
    ],
)
@pytest.mark.parametrize("base", [None, "/data/", "gs://a/"])
def test_what_other_programs_call_a_store_means_the_same_object(spelling, uri, base):
    assert resolve(spelling, base=base) == uri


@pytest.mark.parametrize("name", ["gcs/x", "s3a:/x", "gcs:", "s3ab://x"])
def test_only_whole_schemes_are_spellings(name):
    if "://" in name:
        assert refusal(name).failure is Failure.FORBIDDEN_URI
    else:
        assert resolve(name, base="/data/") == f"/data/{name}"
