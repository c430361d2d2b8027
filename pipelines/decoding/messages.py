"""What a decode child is told: its settings once, then files with their lengths."""

import dataclasses
import json
import struct

from musiq_core.config import PreprocessingConfig
from musiq_core.images.decode import DecodeConfig
from musiq_core.images.preparation import PreparationConfig

READY = b"!"
LENGTH_BYTES = 8


def pack_length(length: int) -> bytes:
    """Return the length of what follows as bytes."""
    return struct.pack("!Q", length)


def unpack_length(data: bytes | bytearray) -> int:
    """Return the length of what follows."""
    return struct.unpack("!Q", data)[0]


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
