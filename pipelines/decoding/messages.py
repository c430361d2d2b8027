"""What parent and decode child say to each other: one line of JSON, then raw bytes."""

import dataclasses
import json
from collections.abc import Callable, Iterator

import numpy as np

from musiq_core.config import PreprocessingConfig
from musiq_core.image import DecodeConfig
from musiq_core.patches import Patches
from musiq_core.preparation import Preparation, PreparationConfig
from schemas.failures import Failure, ImageFailure

READY = b"ready"
_ARRAYS = [field.name for field in dataclasses.fields(Patches)]


def pack_preparation(preparation: Preparation) -> Iterator[bytes | memoryview]:
    """Yield an image as a header and the bytes of its arrays, shared ones once."""
    forms = [[getattr(patches, n) for n in _ARRAYS] for patches in preparation.patches]
    arrays = list({id(array): array for form in forms for array in form}.values())
    places = {id(array): place for place, array in enumerate(arrays)}
    header = {
        "facts": preparation.facts,
        "arrays": [(array.dtype.str, array.shape) for array in arrays],
        "forms": [[places[id(array)] for array in form] for form in forms],
    }
    yield json.dumps(header).encode()
    for array in arrays:
        yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def pack_failure(failure: ImageFailure) -> bytes:
    """Return a failure as a header."""
    fields = {"failure": failure.failure, "detail": failure.detail}
    return json.dumps(fields | {"facts": failure.facts}).encode()


def unpack(header: bytes, receive: Callable[[], bytes]) -> Preparation:
    """Return the image that a header and the messages after it hold.

    Args:
      header: The first message.
      receive: Returns the next message.

    Raises:
      ImageFailure: If the header is a failure.
    """
    fields = json.loads(header)
    if "failure" in fields:
        failure = Failure(fields["failure"])
        raise ImageFailure(failure, fields["detail"], fields["facts"])
    arrays = [
        np.frombuffer(receive(), dtype).reshape(shape)
        for dtype, shape in fields["arrays"]
    ]
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
