"""What a decode child is told: its settings once, then files with their lengths."""

import json
import struct

from musiq_core.images.preparation import PreparationConfig
from schemas.plain import from_plain, to_plain

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
    return json.dumps({"config": to_plain(config), "limits": limits})


def unpack_config(text: str) -> tuple[PreparationConfig, dict[str, int]]:
    """Return the settings of a child."""
    fields = json.loads(text)
    return from_plain(PreparationConfig, fields["config"]), fields["limits"]
