"""Whatever a decode child sends, the parent gets an image, a failure or a clear no."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest
from helpers.make_images import encoded, noise
from hypothesis import given
from hypothesis import strategies as st

from musiq_core.config import PreprocessingConfig
from musiq_core.images.preparation import Preparation, PreparationConfig, prepare
from musiq_core.measures.measure import measure_photo
from pipelines.decoding.answers import (
    AnswerError,
    pack_failure,
    pack_preparation,
    unpack_answer,
)
from pipelines.decoding.messages import pack_length
from schemas.failures import Failure, ImageFailure
from schemas.image_facts import ImageFacts

FORMS = (
    PreprocessingConfig(scales=(16,), patch_size=8),
    PreprocessingConfig(scales=(), patch_size=8),
    PreprocessingConfig(scales=(), patch_size=16),
)
IMAGE = prepare(encoded(noise(20, 28)), PreparationConfig(preprocessings=FORMS))
ANSWER = b"".join(bytes(part) for part in pack_preparation(IMAGE, FORMS))
FACTS = {k: v for k, v in dataclasses.asdict(IMAGE.facts).items() if v is not None}
COUNTS = [[len(form.resized), len(form.native)] for form in IMAGE.patches]


class EndOfAnswerError(Exception):
    """In a job, the end of the connection or the deadline."""


def unpack(answer: bytes, **options: bool) -> Preparation:
    at = 0

    def receive_into(view: memoryview) -> None:
        nonlocal at
        if at + len(view) > len(answer):
            raise EndOfAnswerError
        view[:] = answer[at : at + len(view)]
        at += len(view)

    return unpack_answer(FORMS, receive_into, **options)


def with_header(fields: object) -> bytes:
    header = json.dumps(fields).encode()
    return pack_length(len(header)) + header + bytes(10**6)


def test_an_image_arrives_as_it_was():
    found = unpack(ANSWER)
    assert found.facts == IMAGE.facts
    for here, there in zip(found.patches, IMAGE.patches, strict=True):
        for name, array in vars(there).items():
            np.testing.assert_array_equal(vars(here)[name], array)
            assert vars(here)[name].dtype == array.dtype
    first, second, other = found.patches
    assert first.native is second.native
    assert other.native is not second.native


def test_measures_arrive_as_they_were():
    config = PreparationConfig(preprocessings=FORMS, measure=True)
    image = prepare(encoded(noise(20, 28)), config)
    answer = b"".join(bytes(part) for part in pack_preparation(image, FORMS))
    assert image.measures is not None
    assert unpack(answer, is_measured=True).measures == image.measures
    assert unpack(answer).measures is None
    with pytest.raises(AnswerError):
        unpack(ANSWER, is_measured=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": "loud"},
        {"noise": -1.0},
        {"entropy": 1e300},
        {"entropy": None},
        {"pdq_hash": "00"},
        {"pdq_hash": 7},
        {"pdq_quality": 101},
        {"taste": 1.0},
    ],
)
def test_measures_without_sense_are_refused(changes):
    told = dataclasses.asdict(measure_photo(noise(20, 28)))
    told["pdq_hash"] = told["pdq_hash"].hex()
    header = {"facts": FACTS, "counts": COUNTS, "measures": told}
    assert unpack(with_header(header), is_measured=True).measures
    with pytest.raises(AnswerError):
        unpack(with_header(header | {"measures": told | changes}), is_measured=True)
    with pytest.raises(AnswerError):
        unpack(with_header(header | {"measures": []}), is_measured=True)


def test_a_failure_arrives_as_it_was():
    failure = ImageFailure(Failure.TOO_LARGE, "too many pixels", ImageFacts(width=7))
    with pytest.raises(ImageFailure, match="too many pixels") as caught:
        unpack(pack_failure(failure))
    assert caught.value.failure is Failure.TOO_LARGE
    assert caught.value.facts == ImageFacts(width=7)


@pytest.mark.parametrize(
    "changes",
    [
        {"facts": {**FACTS, "width": "wide"}},
        {"facts": {**FACTS, "width": 2**31}},
        {"facts": {**FACTS, "height": -1}},
        {"facts": {**FACTS, "frames": True}},
        {"facts": {**FACTS, "orientation": 300}},
        {"facts": {**FACTS, "format": "JPEG\nforged"}},
        {"facts": {**FACTS, "format": ["J"]}},
        {"facts": {**FACTS, "shrink_factor": float("nan")}},
        {"facts": {**FACTS, "tokens": None}},
        {"facts": {**FACTS, "status": "scored"}},
        {"facts": {}},
        {"facts": []},
        {"counts": COUNTS[:2]},
        {"counts": [[10**9, 1], *COUNTS[1:]]},
        {"counts": [[0, 10**9], *COUNTS[1:]]},
        {"counts": [[0, 0], [0, 0], COUNTS[2]]},
        {"counts": [[0, 1], [0, 2], COUNTS[2]]},
        {"counts": [["1", "2"], *COUNTS[1:]]},
        {"failure": "no such", "detail": ""},
        {"failure": "timeout", "detail": ["x"]},
        {"failure": "timeout"},
    ],
)
def test_a_header_without_sense_is_refused(changes):
    header = {"facts": FACTS, "counts": COUNTS}
    assert isinstance(unpack(with_header(header)), Preparation)
    with pytest.raises(AnswerError):
        unpack(with_header(header | changes))


@pytest.mark.parametrize("header", [b"", b"\xff", b"[" * 60_000, b"7", b"{}", b"null"])
def test_a_header_that_is_none_is_refused(header):
    with pytest.raises(AnswerError):
        unpack(pack_length(len(header)) + header)


def test_a_long_header_is_refused_before_it_is_read():
    with pytest.raises(AnswerError):
        unpack(pack_length(2**62))


@pytest.mark.parametrize("place", [-1, 100])
def test_places_outside_the_tables_are_refused(place):
    for name in ("positions", "scale_ids"):
        arrays = vars(IMAGE.patches[0])
        lying = dict(arrays, **{name: np.full_like(arrays[name], place)})
        patches = (type(IMAGE.patches[0])(**lying), *IMAGE.patches[1:])
        forged = Preparation(facts=IMAGE.facts, patches=patches)
        with pytest.raises(AnswerError):
            unpack(b"".join(bytes(part) for part in pack_preparation(forged, FORMS)))


CHANGES = st.tuples(
    st.one_of(st.integers(0, 400), st.integers(0, len(ANSWER) - 1)), st.integers(0, 255)
)


@given(st.lists(CHANGES, min_size=1), st.integers(8, len(ANSWER)))
def test_damaged_answers_end_in_one_of_four_ways(changes, length):
    damaged = bytearray(ANSWER)
    for place, value in changes:
        damaged[place] = value
    with contextlib.suppress(AnswerError, EndOfAnswerError, ImageFailure):
        assert isinstance(unpack(bytes(damaged[:length])), Preparation)
