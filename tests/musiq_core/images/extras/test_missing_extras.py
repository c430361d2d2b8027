"""Without an extra its format is a failure that names the cure."""

import pytest
from helpers.make_heif import heif, picture

from musiq_core.images.decode import decode_image
from musiq_core.images.extras import decoders
from schemas.failures import ImageFailure

FILES = {
    "HEIC/HEIF": [heif(picture()), heif(picture(), brand=b"mif1")],
    "JPEG XL": [b"\xff\x0a" + bytes(99), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99)],
}


@pytest.mark.parametrize(("name", "extra"), decoders.EXTRA_OF.items())
def test_the_extra_is_named(monkeypatch, name, extra):
    monkeypatch.setitem(decoders._DECODERS, name, None)
    for data in FILES[name]:
        with pytest.raises(ImageFailure) as caught:
            decode_image(data)
        assert caught.value.failure == "unsupported_format"
        assert caught.value.detail == (
            f"{name} is read by an extra that is not installed: "
            f"pip install 'musiq[{extra}]'"
        )


def test_a_package_that_is_not_there_is_no_error():
    assert decoders._load("no_such_package", "open") is None
    assert decoders._load("json", "no_such_function") is None


def test_the_test_environment_has_both_extras():
    """Else the tests beside this one would have nothing to test."""
    missing = [n for n in decoders.EXTRA_OF if decoders.decoder_of(n) is None]
    assert not missing, "make test installs them from requirements-dev.lock"
