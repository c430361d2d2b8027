"""Damages files at random: the same damage for the same seed."""

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from hostile.seed_pictures import PNG_SIGNATURE

_MAX_MUTATIONS = 6
_MAX_PIECE_BYTES = 64
_MAX_SIZE_BYTES = 2**20
# Where formats keep lengths, counts and offsets, these find what nobody checks.
_LENGTHS = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF)
_LONG_LENGTHS = (0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
_HEADER_BYTES = 128


def mutate(data: bytes, others: Sequence[bytes], random: np.random.Generator) -> bytes:
    """Return a file with one to six faults.

    Args:
      data: A file.
      others: Files of which pieces may be put into it.
      random: Where all choices come from.
    """
    mutated = bytearray(data)
    for _ in range(random.integers(1, _MAX_MUTATIONS + 1)):
        _MUTATIONS[random.integers(len(_MUTATIONS))](mutated, others, random)
        del mutated[_MAX_SIZE_BYTES:]
    # Else most faults of a PNG would end at its checksums.
    if mutated.startswith(PNG_SIGNATURE) and random.random() < 0.8:
        return _with_right_checksums(bytes(mutated))
    return bytes(mutated)


def _place(mutated: bytearray, random: np.random.Generator) -> int:
    """Headers decide most, so half of all faults fall into the first bytes."""
    end = len(mutated) if random.random() < 0.5 else min(len(mutated), _HEADER_BYTES)
    return int(random.integers(end + 1))


def _flip_bits(mutated: bytearray, _, random: np.random.Generator) -> None:
    for _ in range(random.integers(1, 5)):
        place = _place(mutated, random)
        if place < len(mutated):
            mutated[place] ^= 1 << random.integers(8)


def _replace_bytes(mutated: bytearray, _, random: np.random.Generator) -> None:
    place, size = _place(mutated, random), int(random.integers(1, 5))
    mutated[place : place + size] = random.bytes(size)


def _insert_bytes(mutated: bytearray, _, random: np.random.Generator) -> None:
    place, size = _place(mutated, random), int(random.integers(1, _MAX_PIECE_BYTES))
    mutated[place:place] = random.bytes(size)


def _delete_bytes(mutated: bytearray, _, random: np.random.Generator) -> None:
    place, size = _place(mutated, random), int(random.integers(1, _MAX_PIECE_BYTES))
    del mutated[place : place + size]


def _repeat_piece(mutated: bytearray, _, random: np.random.Generator) -> None:
    place, size = _place(mutated, random), int(random.integers(1, 4 * _MAX_PIECE_BYTES))
    mutated[place:place] = mutated[place : place + size] * int(random.integers(1, 20))


def _cut(mutated: bytearray, _, random: np.random.Generator) -> None:
    del mutated[random.integers(len(mutated) + 1) :]


def _splice(
    mutated: bytearray, others: Sequence[bytes], random: np.random.Generator
) -> None:
    """Put a piece of another file here, or all that follows a place there."""
    other = others[int(random.integers(len(others)))]
    place, start = _place(mutated, random), int(random.integers(len(other) + 1))
    if random.random() < 0.5:
        mutated[place:] = other[start:]
    else:
        size = int(random.integers(1, 4 * _MAX_PIECE_BYTES))
        mutated[place:place] = other[start : start + size]


def _set_length(mutated: bytearray, _, random: np.random.Generator) -> None:
    order = "<>"[random.integers(2)]
    if random.random() < 0.5:
        packed = struct.pack(f"{order}H", _LENGTHS[random.integers(len(_LENGTHS))])
    else:
        lengths = _LENGTHS + _LONG_LENGTHS
        packed = struct.pack(f"{order}I", lengths[random.integers(len(lengths))])
    place = _place(mutated, random)
    mutated[place : place + len(packed)] = packed


_MUTATIONS = (
    *(_flip_bits, _replace_bytes, _insert_bytes, _delete_bytes),
    *(_repeat_piece, _cut, _splice, _set_length, _set_length),
)


def _with_right_checksums(png: bytes) -> bytes:
    """Walk the chunks as far as they go."""
    parts, place = [png[:8]], 8
    while place + 12 <= len(png):
        size = int.from_bytes(png[place : place + 4], "big")
        end = place + 8 + size
        if end + 4 > len(png):
            break
        checksum = struct.pack(">I", zlib.crc32(png[place + 4 : end]))
        parts.append(png[place:end] + checksum)
        place = end + 4
    return b"".join([*parts, png[place:]])
