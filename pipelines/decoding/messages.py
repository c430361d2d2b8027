"""What parent and decode child say to each other.

A file goes out, and a header of JSON comes back, each with its length before it; the
header says how many raw bytes of arrays follow.
"""

import dataclasses
import json
import struct
from collections.abc import Callable, Iterator

import numpy as np

from musiq_core.config import PreprocessingConfig
from musiq_core.image import DecodeConfig
from musiq_core.patches import Patches
from musiq_core.preparation import Preparation, PreparationConfig
from schemas.failures import Failure, ImageFailure

READY = b"!"
LENGTH_BYTES = 8
_ARRAYS = [field.name for field in dataclasses.fields(Patches)]


def pack_length(length: int) -> bytes:
    """Return the length of what follows as bytes."""
    return struct.pack("!Q", length)


def unpack_length(data: bytes | bytearray) -> int:
    """Return the length of what follows."""
    return struct.unpack("!Q", data)[0]


def pack_preparation(preparation: Preparation) -> Iterator[bytes | memoryview]:
    """Yield an image as its header and its arrays, shared ones once."""
    forms = [[getattr(patches, n) for n in _ARRAYS] for patches in preparation.patches]
    arrays = list({id(array): array for form in forms for array in form}.values())
    places = {id(array): place for place, array in enumerate(arrays)}
    header = {
        "facts": preparation.facts,
        "arrays": [(array.dtype.str, array.shape) for array in arrays],
        "forms": [[places[id(array)] for array in form] for form in forms],
    }
    yield _pack_header(header)
    for array in arrays:
        yield _as_bytes(np.ascontiguousarray(array))


def pack_failure(failure: ImageFailure) -> bytes:
    """Return a failure as a header that nothing follows."""
    fields = {"failure": failure.failure, "detail": failure.detail}
    return _pack_header(fields | {"facts": failure.facts})


def unpack_answer(receive_into: Callable[[memoryview], None]) -> Preparation:
    """Return the image that the child answers with.

    Args:
      receive_into: Fills the bytes it is given with those that the child sends.

    Raises:
      ImageFailure: If the answer is a failure.
    """
    length = bytearray(LENGTH_BYTES)
    receive_into(memoryview(length))
    header = bytearray(unpack_length(length))
    receive_into(memoryview(header))
    fields = json.loads(header)
    if "failure" in fields:
        failure = Failure(fields["failure"])
        raise ImageFailure(failure, fields["detail"], fields["facts"])
    arrays = [np.empty(shape, dtype) for dtype, shape in fields["arrays"]]
    for array in arrays:
        receive_into(_as_bytes(array))
    return Preparation(
        facts=fields["facts"],
        patches=tuple(
            Patches(
                **{n: arrays[place] for n, place in zip(_ARRAYS, form, strict=True)}
            )
            for form in fields["forms"]
        ),
    )


def pack_config(config: PreparationConfig, limits: dict[str, int]) -> str:
    """Return the settings of a child as one command-line argument."""
    return json.dumps({"config": dataclasses.asdict(config), "limits": limits})


def unpack_config(text: str) -> tuple[PreparationConfig, dict[str, int]]:
    """Return the settings of a child."""
    fields = json.loads(text)
    config = fields["config"]
    preprocessings = tuple(
        PreprocessingConfig(**one | {"scales": tuple(one["scales"])})
        for one in config["preprocessings"]
    )
    return (
        PreparationConfig(
            preprocessings=preprocessings,
            decode=DecodeConfig(**config["decode"]),
            max_tokens=config["max_tokens"],
        ),
        fields["limits"],
    )


def _pack_header(fields: dict) -> bytes:
    header = json.dumps(fields).encode()
    return pack_length(len(header)) + header


def _as_bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
