"""Lines of a text file of any store, decoded, packed or not; damage names its line."""

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from pipelines.scoring.input import InputError
from pipelines.scoring.inputs.manifest_names import PACKED
from pipelines.scoring.inputs.unread_files import unread_by_bytes
from pipelines.storage import storage_for

_HEAD_BYTES = 512
_NO_TEXT = re.compile(rb"[\0-\x08]")
_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_lines(uri: str, kind: str, *, newline: str) -> Iterator[str]:
    """Yield the lines of a text file with their ends, streamed.

    The text is UTF-8, or what a byte order mark says. Files whose names end in .gz or
    .zst are unpacked.

    Args:
      uri: The file.
      kind: What it is, for messages.
      newline: As `io.TextIOWrapper` takes it.

    Raises:
      InputError: If it is damaged, or not such text; naming the line.
      StorageError: If the store fails.
    """
    encoding = _encoding_of(uri, kind, newline)
    try:
        with open_unpacked(uri, kind) as file:
            yield from io.TextIOWrapper(file, encoding=encoding, newline=newline)
    except UnicodeError as error:
        raise _not_text(uri, kind, encoding) from error


@contextlib.contextmanager
def open_unpacked(uri: str, kind: str) -> Iterator[BinaryIO]:
    """Open a file, unpacked if its name says that it is packed.

    Raises:
      InputError: If it is damaged.
      StorageError: If the store fails.
    """
    packed = PACKED.search(uri)
    suffix = packed[1].lower() if packed else None
    try:
        with storage_for(uri).open_read(uri) as file:
            if suffix == "gz":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield unpacked  # pyright: ignore[reportReturnType]
            elif suffix == "zst":
                with pa.CompressedInputStream(file, "zstd") as unpacked:
                    yield io.BufferedReader(unpacked)
            else:
                yield file
    except (EOFError, gzip.BadGzipFile, zlib.error, pa.ArrowException) as error:
        raise unreadable(uri, kind, error) from error
    except OSError as error:
        if suffix is None:
            raise
        raise unreadable(uri, kind, error) from error


def unreadable(uri: str, kind: str, error: Exception) -> InputError:
    """Return what to say of a damaged file."""
    reason = " ".join(str(error).split())
    return InputError(f"{kind} {uri} cannot be read: {reason}")


def _encoding_of(uri: str, kind: str, newline: str) -> str:
    with open_unpacked(uri, kind) as file:
        head = file.read(_HEAD_BYTES)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    unread = unread_by_bytes(head) if _NO_TEXT.search(head) else None
    if unread:
        raise InputError(f"{kind} {uri} is no text but {unread.what}: {unread.instead}")
    if b"\0" in head[:2]:
        end = "BE" if head[:1] == b"\0" else "LE"
        raise InputError(
            f"{kind} {uri} is not UTF-8 text: it seems to be UTF-16 without a byte "
            f"order mark; convert it, as by iconv -f UTF-16{end} -t UTF-8"
        )
    if newline and b"\r" in head.rstrip() and b"\n" not in head:
        raise InputError(
            f"{kind} {uri} has lines that end in a carriage return alone; convert it, "
            "as by tr '\\r' '\\n'"
        )
    return "utf-8-sig"


def _not_text(uri: str, kind: str, encoding: str) -> InputError:
    """Return what to say of a file that is not the text that it should be."""
    if encoding != "utf-8-sig":
        return InputError(
            f"{kind} {uri} begins as {encoding.upper()} but is not such text to its "
            "end; write it as UTF-8"
        )
    with open_unpacked(uri, kind) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return InputError(
                    f"{kind} {uri}: line {number} is not UTF-8 text (byte "
                    f"0x{line[error.start]:02x}); convert the file, as by iconv -f "
                    "LATIN1 -t UTF-8"
                )
    return InputError(f"{kind} {uri} is not UTF-8 text; convert it")
