"""Names of copies below their folder: those that the input gave, made safe.

A name depends on its row alone, so that every selection calls a photo the same. Names
that differ in case or in the form of accents only would be one file on some disks:
`folded` tells.
"""

import hashlib
import re
import unicodedata

from pipelines.copying.planning.packed_names import PackedName, packed_name
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.tfrecord_shard import TFRecordFormat

OWN_FOLDER = "_copy"
_PART_MAX_BYTES = 240  # of 255, so that `~` and a digest fit in
_NAME_MAX_BYTES = 900  # of 1,024, which object stores allow
_SUFFIX_MAX_CHARACTERS = 16
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "MPO": "jpg"}


def target_name(uri: str, key: str, image_format: str | None = None) -> str:
    """Return the name of a photo's copy, a relative path with slashes.

    It is the key below the folder: no part of it is `..` or longer than disks allow,
    and everything that is not printable, spaces at the edges of a part and backslashes
    are percent-encoded. A packed photo lies in a folder of its file's name.

    Args:
      uri: The photo.
      key: Its name as the input gave it.
      image_format: Such as "JPEG", for the ending of packed photos that have none.
    """
    packed = packed_name(uri)
    name = _packed_path(packed, image_format) if packed else _SCHEME.sub("", key, 1)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if parts and parts[0].casefold() == OWN_FOLDER:
        parts[0] = f"%5F{parts[0][1:]}"
    safe = "/".join(_safe_part(part) for part in parts) or "photo"
    if len(safe.encode()) <= _NAME_MAX_BYTES:
        return safe
    return f"{_digest(uri, 32)}{_suffix(safe)}"


def folded(name: str) -> str:
    """Return what is equal for names that may be one file on some disk."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def with_digest(name: str, uri: str) -> str:
    """Return the name of a photo whose own is taken, such as `a~0123456789ab.jpg`."""
    suffix = _suffix(name)
    return f"{name.removesuffix(suffix)}~{_digest(uri, 12)}{suffix}"


def _packed_path(packed: PackedName, image_format: str | None) -> str:
    shard = packed.shard[packed.shard.rfind("/") + 1 :]
    found = shard_format_of(shard)
    if found and not isinstance(found, TFRecordFormat):  # whose endings are numbers
        shard = found.names.sub("", shard) or shard
    if packed.is_tar_member:
        return f"{shard}/{packed.place}"
    return f"{shard}/{packed.place}.{image_suffix(image_format)}"


def image_suffix(image_format: str | None) -> str:
    """Return the usual ending of a format's files, without its dot."""
    return _SUFFIXES.get(image_format or "", (image_format or "image").lower())


def _safe_part(part: str) -> str:
    if part == "..":
        return "%2E%2E"
    inner = part.strip(" ")
    start = len(part) - len(part.lstrip(" "))
    edges = "%20" * start, "%20" * (len(part) - start - len(inner))
    safe = edges[0] + "".join(map(_safe_character, inner)) + edges[1]
    data = safe.encode()
    if len(data) <= _PART_MAX_BYTES:
        return safe
    ending = f"~{_digest(part, 12)}{_suffix(safe)}"
    kept = data[: _PART_MAX_BYTES - len(ending.encode())].decode(errors="ignore")
    return f"{kept}{ending}"


def _safe_character(character: str) -> str:
    if character.isprintable() and character != "\\":
        return character
    data = character.encode("utf-8", "surrogateescape")
    return "".join(f"%{byte:02X}" for byte in data)


def _suffix(name: str) -> str:
    """Return what follows the last dot of a name's last part, with it; "" if long."""
    last = name[name.rfind("/") + 1 :]
    stem, dot, suffix = last.rpartition(".")
    is_short = stem and len(suffix) <= _SUFFIX_MAX_CHARACTERS
    return dot + suffix if is_short else ""


def _digest(text: str, digits: int) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:digits]
