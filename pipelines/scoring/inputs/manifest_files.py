"""Which files an input of manifests stands for, and what their folders say."""

import re
import urllib.parse
from collections.abc import Iterator

import pyarrow as pa

from pipelines.scoring.carried.layout import NOTHING, Carried, Layout
from pipelines.scoring.input import Input
from pipelines.scoring.inputs.numbered_files import is_numbered, numbered_names
from pipelines.storage import Glob, has_magic, storage_for

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def manifest_files(one: Input) -> Iterator[str]:
    """Yield the files of an input of lists or manifests, in a fixed order."""
    if one.files:
        yield from (f"{one.uri}{name}" for name in one.files)
    elif not one.is_many:
        yield one.uri
    elif one.uri.endswith("/"):
        yield from parts_below(one.uri)
    elif has_magic(one.uri):
        glob = Glob(one.uri)
        for found in storage_for(one.uri).list(glob.prefix):
            if glob.matches(found.uri):
                yield found.uri
    elif is_numbered(one.uri):
        yield from numbered_names(one.uri)


def parts_below(folder: str) -> Iterator[str]:
    """Yield the parts of a table that is a folder, as Spark writes it.

    Names that begin with a dot or an underscore are not parts of it.
    """
    for found in storage_for(folder).list(folder):
        names = found.uri[len(folder) :].split("/")
        if found.size_bytes and not any(n.startswith((".", "_")) for n in names):
            yield found.uri


def said_by_folders(uri: str, folder: str) -> Carried:
    """Return the columns that names of folders say, as in `day=monday/part-0.parquet`.

    Args:
      uri: A part of a table.
      folder: The table's folder.
    """
    names = uri[len(folder) :].split("/")[:-1] if uri.startswith(folder) else []
    pairs = [re.fullmatch(r"([^=]+)=(.*)", name, re.DOTALL) for name in names]
    said = {pair[1]: urllib.parse.unquote(pair[2]) for pair in pairs if pair}
    if not said:
        return NOTHING
    layout = Layout(tuple(pa.field(name, pa.string()) for name in said))
    return Carried(layout, tuple(None if v == _NO_VALUE else v for v in said.values()))
