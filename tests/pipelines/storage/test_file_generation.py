"""A local file that is replaced has another generation, whatever its size and time."""

import os
import types

import pytest

from pipelines.storage.file_generation import (
    file_generation,
    is_same_generation,
    is_same_time,
    renumbered_devices,
)
from pipelines.storage.local import LocalStorage


def replace_by_rename(path):
    other = path.with_name("other")
    other.write_bytes(b"new")
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    other.rename(path)


def rewrite_in_place(path):
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # clocks of disks are coarse
        path.write_bytes(b"new")
        os.utime(path, ns=(0, before.st_mtime_ns))


def link_to_another(path):
    other = path.with_name("other")
    other.write_bytes(b"new")
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    path.unlink()
    path.symlink_to("other")


@pytest.mark.parametrize(
    "replace", [replace_by_rename, rewrite_in_place, link_to_another]
)
def test_same_size_same_time_other_bytes_is_another_generation(tmp_path, replace):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    before = LocalStorage().stat(str(path))
    replace(path)
    after = LocalStorage().stat(str(path))
    assert (after.size_bytes, after.modified_at) == (3, before.modified_at)
    assert not is_same_generation(before.generation, after.generation)
    assert is_same_time(before.generation, after.generation)


def read_all(listed) -> bytes:
    return LocalStorage().read(listed.uri, listed=listed, max_bytes=9)[0]


def read_some(listed) -> bytes:
    return LocalStorage().read_part(listed, 0, 3)


@pytest.mark.parametrize("read", [read_all, read_some])
def test_an_open_file_that_loses_its_name_is_read_whole(tmp_path, monkeypatch, read):
    """Its change time is another then, but its bytes are not."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    listed = LocalStorage().stat(str(path))
    fstat = os.fstat

    def fstat_then_unlink(descriptor):
        found = fstat(descriptor)
        if found.st_ino == path_inode:
            path.unlink(missing_ok=True)
        return found

    path_inode = path.stat().st_ino
    # The first look is that of opening, which must not be told of the file yet.
    looks = iter([fstat, fstat_then_unlink])
    monkeypatch.setattr(os, "fstat", lambda d: next(looks, fstat)(d))
    assert read(listed) == b"old"
    assert not path.exists()


def status(**changes) -> os.stat_result:
    told = {"st_mtime_ns": -7, "st_ctime_ns": 8, "st_ino": 9, "st_dev": 0}
    return types.SimpleNamespace(**(told | changes))


def test_what_a_disk_does_not_have_is_left_out():
    assert file_generation(status()) == "-7:8:9"
    assert file_generation(status(st_ino=0)) == "-7:8:"
    assert file_generation(status(st_ctime_ns=0, st_ino=0)) == "-7::"


@pytest.mark.parametrize(
    ("known", "listed", "is_same"),
    [
        ("-7:8:9", "-7:8:9", True),
        ("-7", "-7:8:9", True),
        ("-7:8:9", "-7:8:1", False),
        ("-7:8:", "-7:8:9", False),
        ("7", "-7:8:9", False),
        (None, "-7:8:9", False),
        ("17", "17", True),
        ("d41d8-2", "d41d8-2", True),
        ("17", "18", False),
        ("d41d8-1", "d41d8-2", False),
    ],
)
def test_older_forms_are_compared_by_the_time_that_they_have(known, listed, is_same):
    assert is_same_generation(known, listed) is is_same


def test_disks_that_number_inodes_anew_are_known():
    mounts = (
        "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        "37 35 0:44 / /mnt/2 rw - fuse.s3fs s3fs rw,user_id=0\n"
        "38 35 0:45 / /mnt\\0403 rw shared:2 - cifs //host/share rw,noserverino\n"
        "39 35 0:46 / /mnt/4 rw - cifs //host/share rw,serverino\n"
        "40 35 8:1 / /mnt/5 rw - vfat /dev/sda1 rw\n"
    )
    expected = {os.makedev(0, 44), os.makedev(0, 45), os.makedev(8, 1)}
    assert renumbered_devices(mounts) == expected
