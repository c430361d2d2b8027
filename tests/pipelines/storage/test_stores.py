"""Which store a URI belongs to, and how another one takes its place."""

import pytest

from pipelines.storage import StorageError, storage_for
from pipelines.storage.local import LocalStorage
from pipelines.storage.stores import make_store, use_store


def test_a_process_has_one_store_of_a_scheme():
    assert storage_for("gs://a/x") is storage_for("GS://b/")
    assert make_store("gs") is not storage_for("gs://a/x")


def test_another_store_stands_behind_a_scheme_until_it_is_no_longer_used():
    before, other = storage_for("gs://a/x"), LocalStorage()
    with use_store("gs", other):
        assert storage_for("gs://a/x") is other
    assert storage_for("gs://a/x") is before


def test_an_unknown_scheme_is_refused_with_those_that_are_known():
    with pytest.raises(StorageError, match=r"^ftp:// is not supported.* gs:// or s3:/"):
        storage_for("ftp://host/x")
