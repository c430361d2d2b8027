"""What parent and decode child say to each other: one line of JSON, then raw bytes."""

import json

import numpy as np

from musiq_core.image import DecodeConfig, DecodedImage
from schemas.failures import Failure, ImageFailure

READY = b"ready"


def pack_image(image: DecodedImage) -> tuple[bytes, memoryview]:
    """Return an image as a header and its pixels."""
    header = {
        "shape": image.pixels.shape,
        "format": image.format,
        "frames": image.frames,
        "orientation": image.orientation,
    }
    return json.dumps(header).encode(), image.pixels.data.cast("B")


def pack_failure(failure: ImageFailure) -> bytes:
    """Return a failure as a header."""
    return json.dumps({"failure": failure.failure, "detail": failure.detail}).encode()


def unpack_header(header: bytes) -> dict:
    """Return what a header says.

    Raises:
      ImageFailure: If it is a failure.
    """
    fields = json.loads(header)
    if "failure" in fields:
        raise ImageFailure(Failure(fields["failure"]), fields["detail"])
    return fields


def unpack_image(fields: dict, pixels: bytes) -> DecodedImage:
    """Return the image of a header and its pixels."""
    height, width, channels = fields.pop("shape")
    array = np.frombuffer(pixels, np.uint8).reshape(height, width, channels)
    return DecodedImage(pixels=array, **fields)


def pack_config(config: DecodeConfig, limits: dict[str, int]) -> str:
    """Return the settings of a child as one command-line argument."""
    return json.dumps({"decode": vars(config), "limits": limits})


def unpack_config(text: str) -> tuple[DecodeConfig, dict[str, int]]:
    """Return the settings of a child."""
    fields = json.loads(text)
    return DecodeConfig(**fields["decode"]), fields["limits"]
