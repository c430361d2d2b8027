"""How published model files are named: numbered versions in a folder of their own.

`models/koniq/00000003.safetensors` is version 3 of the model `koniq`. A version is
created once and never changes.
"""

_SUFFIX = ".safetensors"
_DIGITS = 8


def version_name(version: int) -> str:
    """Return the file name of a version, from 1 on, below the model's folder."""
    return f"{version:0{_DIGITS}d}{_SUFFIX}"


def version_number(name: str) -> int | None:
    """Return the version in a model's file name, None for any other file."""
    stem = name.removesuffix(_SUFFIX)
    is_version = name.endswith(_SUFFIX) and len(stem) == _DIGITS and stem.isdecimal()
    return int(stem) if is_version else None
