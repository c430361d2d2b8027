"""Names of photos that lie in files of many: which file, and where in it."""

import re
from typing import NamedTuple

from pipelines.scoring.shards.formats import shard_format_of
from pipelines.scoring.shards.tar_shard import TarFormat

_COLUMN = re.compile(r"\w+=\d+(?:&item=\d+)?&column=(.*)", re.DOTALL)


class PackedName(NamedTuple):
    """Where a packed photo lies, as far as its URI tells.

    Attributes:
      shard: URI of the file of images.
      place: What the URI calls its place there: a member's name, or `row=17`.
    """

    shard: str
    place: str

    @property
    def is_tar_member(self) -> bool:
        """Whether the file is an archive, and the place the name of a member."""
        return isinstance(shard_format_of(self.shard), TarFormat)

    @property
    def image_column(self) -> str | None:
        """The column or feature that the run was told to take; None of the usual."""
        found = None if self.is_tar_member else _COLUMN.fullmatch(self.place)
        return found[1] if found else None


def packed_name(uri: str) -> PackedName | None:
    """Return what a URI says of a photo in a file of many, None of a file of its own.

    A file of its own may be called so, too: whoever reads the photo has to look.
    """
    place = uri.find("#")
    while place >= 0:
        if shard_format_of(uri[:place]):
            return PackedName(uri[:place], uri[place + 1 :])
        place = uri.find("#", place + 1)
    return None
