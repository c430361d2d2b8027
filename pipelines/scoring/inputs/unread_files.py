"""Files that hold images or name them, but not in a way that is read.

By its name or its first bytes, such a file is no photo. It is refused before the run
with what to give instead: as an image, it would end as one row `not_an_image`.
"""

import contextlib
import dataclasses
import re
from collections import Counter
from collections.abc import Iterable

from pipelines.scoring.inputs.manifest_names import PACKED, kind_of_name
from pipelines.scoring.shards.formats import shard_format_of
from pipelines.storage import ObjectRefused, StorageError, storage_for

_HEAD_BYTES = 512
_SUFFIX = re.compile(rf"\.[^./]+({PACKED.pattern})?$", PACKED.flags)


@dataclasses.dataclass(frozen=True)
class UnreadFile:
    """A kind of file that is not read.

    Attributes:
      what: What it is called, with its article.
      instead: What to give instead.
      suffixes: How the names of such files end.
      begins: What such a file begins with, if that tells it.
    """

    what: str
    instead: str
    suffixes: tuple[str, ...]
    begins: re.Pattern[bytes] | None = None


_TO_FILES = "write its images as files, or into .tar, .parquet or .tfrecord files"
_TO_TABLE = "write it as .parquet, .csv or .tsv"
_KINDS = (
    UnreadFile(
        "a spreadsheet",
        "save it as .csv",
        ("xlsx", "xlsm", "xls", "ods", "numbers"),
        re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ),
    UnreadFile("a NumPy file", _TO_FILES, ("npz", "npy"), re.compile(rb"\x93NUMPY")),
    UnreadFile(
        "a ZIP archive",
        "unpack it, or pack it as .tar",
        ("zip", "zipx", "cbz"),
        re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"),
    ),
    UnreadFile(
        "a 7z archive",
        "unpack it, or pack it as .tar",
        ("7z",),
        re.compile(rb"7z\xbc\xaf\x27\x1c"),
    ),
    UnreadFile(
        "a RAR archive",
        "unpack it, or pack it as .tar",
        ("rar", "cbr"),
        re.compile(rb"Rar!\x1a\x07"),
    ),
    UnreadFile(
        "a disk image",
        "mount it and name the folder",
        ("iso", "dmg", "vhd", "vhdx", "qcow2", "squashfs", "sqfs"),
        re.compile(rb"hsqs"),
    ),
    UnreadFile(
        "an Arrow file",
        "write it as .parquet, such as by Dataset.to_parquet",
        ("arrow", "arrows", "feather", "ipc"),
        re.compile(rb"ARROW1\0\0|FEA1|\xff{4}[^\0]..\0[\x0c\x10\x14]\0\0\0", re.DOTALL),
    ),
    UnreadFile(
        "an HDF5 file",
        _TO_FILES,
        ("h5", "hdf5", "he5", "hdf", "nc", "nc4", "mat"),
        re.compile(rb"\x89HDF\r\n\x1a\n"),
    ),
    UnreadFile(
        "an LMDB database",
        _TO_FILES,
        ("mdb", "lmdb"),
        re.compile(rb".{16}\xde\xc0\xef\xbe", re.DOTALL),
    ),
    UnreadFile(
        "an SQLite database",
        _TO_TABLE,
        ("sqlite", "sqlite3", "db", "db3"),
        re.compile(rb"SQLite format 3\0"),
    ),
    UnreadFile("an ORC file", _TO_TABLE, ("orc",), re.compile(rb"ORC[\x00-\x1f]")),
    UnreadFile("an Avro file", _TO_TABLE, ("avro",), re.compile(rb"Obj\x01")),
    UnreadFile(
        "a file of records of another kind",
        _TO_FILES,
        ("rec", "mds", "beton", "array_record", "arrayrecord", "riegeli", "msgpack"),
    ),
    UnreadFile("a pickle", _TO_FILES, ("pkl", "pickle", "pt", "pth", "joblib")),
    UnreadFile(
        "a data file",
        "write one URI a line into a .txt file, or a .csv, .tsv or .parquet manifest",
        ("json", "yaml", "yml", "xml", "lst", "list", "urls"),
    ),
    UnreadFile(
        "a compressed file",
        "decompress it",
        ("gz", "bz2", "xz", "zst", "lz4", "br", "lzma", "z", "zlib"),
        re.compile(
            rb"\x1f\x8b\x08|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd|\x04\x22\x4d\x18"
        ),
    ),
    UnreadFile(
        "a tar archive",
        "give it a name that ends in .tar",
        (),
        re.compile(rb".{257}ustar", re.DOTALL),
    ),
    UnreadFile(
        "a Parquet file",
        "give it a name that ends in .parquet",
        (),
        re.compile(rb"PAR1"),
    ),
)
_BY_SUFFIX = {suffix: kind for kind in _KINDS for suffix in kind.suffixes}


def unread_by_name(name: str) -> UnreadFile | None:
    """Return what is not read by a file's name, None for all that may be a photo."""
    _, dot, suffix = name.rpartition(".")
    return _BY_SUFFIX.get(suffix.lower()) if dot else None


def unread_by_bytes(head: bytes) -> UnreadFile | None:
    """Return what is not read by a file's first bytes, half a kilobyte of them."""
    return next((k for k in _KINDS if k.begins and k.begins.match(head)), None)


def unread_file(uri: str) -> UnreadFile | None:
    """Return what kind of file that is not read this is, None if it may be a photo."""
    if kind := unread_by_name(uri):
        return kind
    with (
        contextlib.suppress(StorageError, ObjectRefused),  # its row will tell
        storage_for(uri).open_read(uri) as file,
    ):
        return unread_by_bytes(file.read(_HEAD_BYTES))


def is_container(name: str) -> bool:
    """Whether a file's name says that it holds or names images, read or not."""
    return (
        unread_by_name(name) is not None
        or kind_of_name(name) is not None
        or shard_format_of(name) is not None
    )


def advice_on_containers(folder: str | None, names: Iterable[str]) -> str:
    """Return what to say of an input in which every file is a container.

    Args:
      folder: What was listed; it ends with a slash. None if a list named the files.
      names: Names of the files, below the folder.
    """
    told = Counter(_advice(folder, name) for name in names)
    return told.most_common(1)[0][0]


def pattern_for(folder: str, name: str) -> str:
    """Return the glob that names files below a folder of the kind of one of them."""
    shard_format = shard_format_of(name)
    found = shard_format.names.search(name) if shard_format else _SUFFIX.search(name)
    suffix, dash, _ = found[0].partition("-") if found else ("", "", "")
    return f"{folder}{'**/*' if '/' in name else '*'}{suffix}{'*' if dash else ''}"


def _advice(folder: str | None, name: str) -> str:
    what = "hold many images each"
    if not shard_format_of(name):
        if kind_of_name(name) is None:
            kind = unread_by_name(name)
            assert kind
            return f"its files are not read; each is {kind.what}: {kind.instead}"
        what = "are lists or manifests"
    if folder is None:
        return f"its files {what}; give each by an --input of its own"
    return f"its files {what}; name them by {pattern_for(folder, name)}"
