import pytest

from pipelines.scoring.allowed_buckets import buckets_of, require_allowed
from pipelines.storage import NameRefused


def test_the_buckets_of_a_command_are_those_of_its_object_store_uris():
    uris = ["/photos/", "gs://photos/2024/*.jpg", "s3://out/ledger", "gs://photos"]
    assert buckets_of(uris) == {"gs://photos/", "s3://out/"}


@pytest.mark.parametrize("uri", ["/etc/passwd", "gs://photos/a.jpg"])
def test_local_files_and_allowed_buckets_pass(uri):
    assert require_allowed(uri, {"gs://photos/"}) == uri


@pytest.mark.parametrize("uri", ["gs://photos-2/a.jpg", "s3://photos/a.jpg", "gs://p/"])
def test_other_buckets_are_forbidden_and_the_flag_is_named(uri):
    with pytest.raises(
        NameRefused, match=r"--allow_bucket .* would allow it"
    ) as caught:
        require_allowed(uri, {"gs://photos/"})
    assert caught.value.failure == "forbidden_uri"
