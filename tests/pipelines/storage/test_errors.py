"""What a refusal says, and that it says the same after its way from a worker."""

import copy

import pytest

from pipelines.storage import NameRefused, ObjectRefused, StorageError
from schemas.failures import Failure

ERRORS = (
    StorageError("cannot write gs://b/x: the store kept failing"),
    NameRefused(Failure.UNSAFE_NAME, "the name is empty"),
    ObjectRefused(Failure.CHANGED, "the file changed", "/a\nb.jpg"),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_whole_from_another_process(error):
    back = copy.copy(error)  # taken apart and built as pickling does
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_a_refused_object_is_named_in_one_line_and_the_reason_is_short():
    refused = ObjectRefused(Failure.CHANGED, "the file changed", "/a\nb.jpg")
    assert str(refused) == "cannot read /a\\nb.jpg: the file changed"
    assert refused.detail == "the file changed"
    assert refused.failure is Failure.CHANGED


def test_a_refused_name_is_not_repeated_as_it_may_hold_secrets():
    refused = NameRefused(Failure.FORBIDDEN_URI, "ftp:// is not read")
    assert str(refused) == "ftp:// is not read"
