"""The generation of a local file: what the disk says of the file's content.

A file that is replaced by another of the same size can be given the same modification
time, as `cp -p`, `rsync -a` and `touch -r` do. Its change time cannot be set, and a new
file has another inode.
"""

import functools
import os
import re

_FORM = re.compile(r"(-?\d+)(?::(-?\d*):(\d*))?")
_MOUNTS = "/proc/self/mountinfo"


def file_generation(status: os.stat_result) -> str:
    """Return modification time, change time (both in ns) and inode as `1:2:3`.

    A change time or an inode that the file system does not have, or numbers anew
    whenever it is mounted, is left out: `1:2:`.
    """
    has_inode = status.st_ino and not _is_renumbered(status.st_dev)
    inode = status.st_ino if has_inode else ""
    return f"{status.st_mtime_ns}:{status.st_ctime_ns or ''}:{inode}"


def is_same_generation(known: str | None, listed: str) -> bool:
    """Whether a file is as it was, as far as its generation tells.

    Generations of ledgers that say no more than the modification time are compared by
    that: their photos are not scored again for it.
    """
    if known == listed:
        return True
    parts = _FORM.fullmatch(known or "")
    return parts is not None and parts[2] is None and known == _time(listed)


def is_file_generation(text: str) -> bool:
    """Whether a text is a generation of a local file, of a ledger of any age."""
    return _FORM.fullmatch(text) is not None


def is_same_time(known: str | None, listed: str) -> bool:
    """Whether a file may be as it was: its modification time, at least, is."""
    return known is not None and _time(known) == _time(listed)


def renumbered_devices(mounts: str) -> frozenset[int]:
    """Return the devices whose inodes are numbers of the moment.

    Args:
      mounts: Text of /proc/self/mountinfo.
    """
    return frozenset(
        device
        for device, kind, options in map(_parse_mount, mounts.splitlines())
        if kind.startswith("fuse")
        or kind in ("vfat", "msdos", "exfat")
        or (kind in ("cifs", "smb3") and "noserverino" in options)
    )


def _parse_mount(line: str) -> tuple[int, str, list[str]]:
    """Return device, kind of file system and its options."""
    place, _, system = line.partition(" - ")
    major, _, minor = place.split(" ")[2].partition(":")
    kind, *rest = system.split(" ")
    return os.makedev(int(major), int(minor)), kind, rest[-1].split(",")


@functools.cache
def _is_renumbered(device: int) -> bool:
    try:
        with open(_MOUNTS, encoding="utf-8", errors="replace") as file:
            return device in renumbered_devices(file.read())
    except OSError:  # only Linux has it
        return False


def _time(generation: str) -> str:
    parts = _FORM.fullmatch(generation)
    return parts[1] if parts else generation
