"""What an error that users meet looks like, wherever it was raised."""

import copy

import pytest

from musiq_core.model_files.model_file import ModelFileError
from schemas.errors import MusiqError, UsageError
from schemas.manifest import CountsError


@pytest.mark.parametrize("kind", [UsageError, CountsError, ModelFileError])
def test_a_known_error_is_one_line_and_survives_the_way_from_a_worker(kind):
    error = kind("cannot read a\nb\x1b[31m")
    back = copy.copy(error)  # taken apart and built as pickling does
    assert isinstance(back, MusiqError)
    assert str(back) == str(error) == "cannot read a\\nb\\x1b[31m"
