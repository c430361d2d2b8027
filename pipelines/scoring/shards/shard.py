"""A shard: one file that holds many images, and the refs that name them."""

import dataclasses
import enum
import re
from typing import Any

import pyarrow as pa

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import Input
from pipelines.scoring.shards.image_part import Part
from pipelines.storage import StoredObject
from schemas.failures import Failure
from schemas.ledger import is_reserved


class ShardFormat(enum.StrEnum):
    """What kind of file holds the images."""

    TAR = "tar"
    TFRECORD = "TFRecord"
    PARQUET = "Parquet"


_NAMES = {
    # Compressed ones cannot be read in parts, which their row will say.
    ShardFormat.TAR: re.compile(r"\.(tar|tgz|tar\.(gz|bz2|xz|zst))$", re.IGNORECASE),
    ShardFormat.TFRECORD: re.compile(r"\.tfrecords?(-[^/]*)?$", re.IGNORECASE),
    ShardFormat.PARQUET: re.compile(r"\.parquet$", re.IGNORECASE),
}


def shard_format_of(name: str) -> ShardFormat | None:
    """Return which kind of shard a file's name or a pattern says, None for images."""
    for shard_format, pattern in _NAMES.items():
        if pattern.search(name):
            return shard_format
    return None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A file of images that an input names.

    Attributes:
      uri: The file.
      key: Its name as the input gave it.
      format: What kind of file it is.
      order: Input number and place within it.
      source: The input.
      said: What the list or manifest that names it says, by carried column.
      listed: What a listing said of it; None if a list named it.
    """

    uri: str
    key: str
    format: ShardFormat
    order: tuple[int, int]
    source: Input
    said: dict[str, Any] = dataclasses.field(default_factory=dict)
    listed: StoredObject | None = None

    def name_of(self, place: str) -> str:
        """Return the URI of the image at a place, such as `row=17`.

        A column that the user names is part of it: one row may hold several images.
        """
        column = self.source.image_column
        return f"{self.uri}#{place}" + (f"&column={column}" if column else "")

    @property
    def own_fields(self) -> list[pa.Field]:
        """The carried columns that the shard itself is to fill."""
        return [field for field in self.source.carried if field.name not in self.said]

    def ref(
        self,
        *,
        place: int | None,
        name: str,
        key: str,
        carried: dict[str, Any] | None = None,
        listed: StoredObject | None = None,
        part: Part | None = None,
        refusal: tuple[Failure, str] | None = None,
    ) -> ImageRef:
        """Return the ref of one image.

        Args:
          place: Place in the shard; None stands for the shard as a whole.
          name: The image's URI.
          key: Its key.
          carried: Values of the shard's own carried columns by name.
          listed: The file that holds the image.
          part: Which part of that it is.
          refusal: Why the image must not be opened.
        """
        values = (carried or {}) | self.said
        return ImageRef(
            uri=name,
            key=key,
            order=self.order if place is None else (*self.order, place),
            carried=tuple(map(values.get, self.source.carried_names)),
            listed=listed,
            part=part,
            refusal=refusal,
        )


def carried_name(name: str) -> str:
    """Return how a shard's column is called in the ledger, which has its own `width`.

    Nobody can be asked to rename what stands in thousands of shards.
    """
    return f"input_{name}" if is_reserved(name) else name
