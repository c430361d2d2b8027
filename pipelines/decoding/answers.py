"""What a decode child answers: a header of JSON with its length, then raw arrays.

The parent takes nothing in an answer on trust: a decoder that a file has taken over can
say what it likes. So the header only counts tokens, and all else follows from what was
asked for.
"""

import dataclasses
import json
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from musiq_core.config import LARGEST_TOKEN_COUNT, PreprocessingConfig
from musiq_core.images.patches import Patches
from musiq_core.images.preparation import Preparation, most_resized_tokens
from pipelines.decoding.messages import LENGTH_BYTES, pack_length, unpack_length
from schemas.failures import Failure, ImageFailure
from schemas.image_facts import ImageFacts
from schemas.measures import Measures

_MAX_HEADER_BYTES = 1 << 16
_FACT_TYPES = {
    name: typing.get_args(hint)[0]  # the other is None
    for name, hint in typing.get_type_hints(ImageFacts).items()
}
# The most that the ledger's columns or sense allow; of a text, its length.
_MOST = {
    "format": 20,
    "width": 2**31 - 1,
    "height": 2**31 - 1,
    "frames": 2**31 - 1,
    "orientation": 8,
    "icc": 120,
    "tokens": LARGEST_TOKEN_COUNT,
    "shrink_factor": 1,
}
_ARRAYS = [field.name for field in dataclasses.fields(Patches)]
_OF_NATIVE = ("native", "native_bounds")
_HASH = "pdq_hash"

_Counts = list[tuple[int, int]]


class AnswerError(Exception):
    """What came is no answer that a sound child gives."""


def pack_preparation(
    preparation: Preparation, preprocessings: Sequence[PreprocessingConfig]
) -> Iterator[bytes | memoryview]:
    """Yield an image as its header and its arrays.

    Args:
      preparation: The image.
      preprocessings: Of its patches; forms of one patch size share their native
        patches, which are sent once.
    """
    counts = [[len(form.resized), len(form.native)] for form in preparation.patches]
    header = {"facts": _plain(preparation.facts), "counts": counts}
    if preparation.measures:
        measures = dataclasses.asdict(preparation.measures)
        header["measures"] = measures | {_HASH: measures[_HASH].hex()}
    yield _pack_header(header)
    sent = set()
    for form, preprocessing in zip(preparation.patches, preprocessings, strict=True):
        for name in _ARRAYS:
            if name not in _OF_NATIVE or preprocessing.patch_size not in sent:
                yield _as_bytes(np.ascontiguousarray(getattr(form, name)))
        sent.add(preprocessing.patch_size)


def pack_failure(failure: ImageFailure) -> bytes:
    """Return a failure as a header that nothing follows."""
    fields = {"failure": failure.failure, "detail": failure.detail}
    return _pack_header(fields | {"facts": _plain(failure.facts)})


def unpack_answer(
    preprocessings: Sequence[PreprocessingConfig],
    receive_into: Callable[[memoryview], None],
    *,
    is_measured: bool = False,
) -> Preparation:
    """Return the image that the child answers with.

    Args:
      preprocessings: Of the patches that were asked for.
      receive_into: Fills the bytes it is given with those that the child sends.
      is_measured: Whether measures were asked for.

    Raises:
      AnswerError: If the answer makes no sense.
      ImageFailure: If the answer is a failure.
    """
    length = bytearray(LENGTH_BYTES)
    receive_into(memoryview(length))
    if unpack_length(length) > _MAX_HEADER_BYTES:
        raise AnswerError
    header = bytearray(unpack_length(length))
    receive_into(memoryview(header))
    try:
        facts, counts, measures = _parse(header, preprocessings, is_measured)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise AnswerError from error
    patches = _receive_patches(preprocessings, counts, receive_into)
    return Preparation(facts=facts, patches=patches, measures=measures)


def _parse(
    header: bytearray, preprocessings: Sequence[PreprocessingConfig], is_measured: bool
) -> tuple[ImageFacts, _Counts, Measures | None]:
    """Return facts, counts and measures, or raise the failure."""
    fields = json.loads(header)
    facts = _facts(fields["facts"])
    if "failure" in fields:
        detail = _of_type(fields["detail"], str)
        raise ImageFailure(Failure(fields["failure"]), detail, facts)
    if None in dataclasses.astuple(dataclasses.replace(facts, icc=facts.icc or "")):
        raise ValueError("facts")
    measures = _measures(fields["measures"]) if is_measured else None
    return facts, _counts(fields["counts"], preprocessings), measures


def _plain(facts: ImageFacts) -> dict[str, Any]:
    return {n: v for n, v in dataclasses.asdict(facts).items() if v is not None}


def _facts(facts: Any) -> ImageFacts:
    """Check the types and ranges of facts; the ledger must be able to hold them."""
    for name, value in _of_type(facts, dict).items():
        size = _of_type(value, _FACT_TYPES[name])
        if isinstance(value, str):
            size = len(value) if value.isprintable() else -1
        if not 0 <= size <= _MOST[name]:
            raise ValueError(name)
    return ImageFacts(**facts)


def _measures(measures: Any) -> Measures:
    """Return measures, which check themselves."""
    told = _of_type(measures, dict)
    return Measures(**told | {_HASH: bytes.fromhex(told[_HASH])})


def _counts(counts: Any, preprocessings: Sequence[PreprocessingConfig]) -> _Counts:
    """Check resized and native tokens of every form."""
    native_of: dict[int, int] = {}
    found = []
    for (resized, native), preprocessing in zip(counts, preprocessings, strict=True):
        total = _of_type(resized, int) + _of_type(native, int)
        if not (
            0 <= resized <= most_resized_tokens(preprocessing)
            and 1 <= native <= total <= LARGEST_TOKEN_COUNT
            and native_of.setdefault(preprocessing.patch_size, native) == native
        ):
            raise ValueError("counts")
        found.append((resized, native))
    return found


def _receive_patches(
    preprocessings: Sequence[PreprocessingConfig],
    counts: _Counts,
    receive_into: Callable[[memoryview], None],
) -> tuple[Patches, ...]:
    native_of: dict[int, dict[str, np.ndarray]] = {}
    forms = []
    for preprocessing, (resized, native) in zip(preprocessings, counts, strict=True):
        shared = native_of.get(preprocessing.patch_size, {})
        arrays = _empty_arrays(preprocessing, resized, native) | shared
        for name in _ARRAYS:
            if name not in shared:
                receive_into(_as_bytes(arrays[name]))
        native_of[preprocessing.patch_size] = {n: arrays[n] for n in _OF_NATIVE}
        _require_below(arrays["positions"], preprocessing.grid_size**2)
        _require_below(arrays["scale_ids"], preprocessing.scale_count)
        forms.append(Patches(**arrays))
    return tuple(forms)


def _empty_arrays(
    preprocessing: PreprocessingConfig, resized: int, native: int
) -> dict[str, np.ndarray]:
    """Return arrays of the shapes and types that `Patches` has."""
    values, tokens = preprocessing.patch_size**2 * 3, resized + native
    return {
        "resized": np.empty((resized, values), np.float32),
        "native": np.empty((native, values), np.uint8),
        "native_bounds": np.empty((native, 4), np.uint8),
        "positions": np.empty(tokens, np.int32),
        "scale_ids": np.empty(tokens, np.int32),
    }


def _require_below(places: np.ndarray, limit: int) -> None:
    if places.min() < 0 or places.max() >= limit:
        raise AnswerError


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _pack_header(fields: dict) -> bytes:
    header = json.dumps(fields).encode()
    return pack_length(len(header)) + header


def _as_bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
