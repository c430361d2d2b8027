"""What else stands in folders: pipes, devices, sockets, links, a very large file."""

import contextlib
import os
import socket
import stat
from pathlib import Path

from hostile.seed_pictures import good_png

from schemas.failures import Failure

_SPARSE_BYTES = 20 * 2**30


def make_special_files(folder: Path, outside: Path) -> dict[bytes, frozenset[str]]:
    """Make them.

    Args:
      folder: An existing folder.
      outside: A folder elsewhere, to be filled with what links point to.

    Returns:
      The allowed outcomes of each name that must have a row. Links that lead out of
      the folder or in circles are left out, and folders are no files: those have none.
    """
    outside.mkdir()
    (outside / "secret.png").write_bytes(good_png(9_999))
    unreadable = frozenset({Failure.UNREADABLE})
    allowed = {}

    os.mkfifo(folder / "pipe.jpg")
    allowed[b"pipe.jpg"] = unreadable
    with contextlib.suppress(PermissionError):  # for root alone
        os.mknod(folder / "device.jpg", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        allowed[b"device.jpg"] = unreadable
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(folder):
        listener.bind("socket.jpg")
    allowed[b"socket.jpg"] = unreadable
    with open(folder / "sparse.jpg", "wb") as file:
        file.truncate(_SPARSE_BYTES)
    allowed[b"sparse.jpg"] = frozenset({Failure.TOO_LARGE})

    for name, target, outcomes in (
        ("loop.jpg", "loop.jpg", {Failure.UNREADABLE}),
        ("there.jpg", "back.jpg", {Failure.UNREADABLE}),
        ("back.jpg", "there.jpg", {Failure.UNREADABLE}),
        ("nowhere.jpg", "absent.jpg", {Failure.NOT_FOUND}),
        ("pipe-link.jpg", "pipe.jpg", {Failure.UNREADABLE}),
    ):
        (folder / name).symlink_to(target)
        allowed[name.encode()] = frozenset(outcomes)
    for name, target in (
        ("zeros.jpg", "/dev/zero"),
        ("environment.jpg", "/proc/self/environ"),
        ("passwords.jpg", "/etc/passwd"),
        ("outside.jpg", outside / "secret.png"),
    ):
        (folder / name).symlink_to(target)

    (folder / "empty folder.jpg").mkdir()
    (folder / "up").symlink_to("..")
    (folder / "here").symlink_to(".")
    (folder / "elsewhere").symlink_to(outside)
    return allowed
