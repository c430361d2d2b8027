"""One `--input` of a run, resolved."""

import dataclasses
import enum

from pipelines.scoring.choice import Choice
from schemas.errors import MusiqError


class InputError(MusiqError, ValueError):
    """An input that cannot be listed; one line says which and what would help."""


class InputKind(enum.StrEnum):
    """How the images of an input are found."""

    IMAGE = "image"
    SHARD = "file of images"
    FOLDER = "folder"
    GLOB = "glob"
    NUMBERED = "numbered files"
    URI_LIST = "list of URIs"
    CSV = "CSV manifest"
    PARQUET = "Parquet manifest"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Input:
    """One `--input`, resolved.

    Attributes:
      number: Place among the inputs; of repeated images the first is kept.
      uri: Folder, image, file of images, glob, list or manifest.
      kind: How its images are found.
      uri_column: The manifest's column that names the images.
      image_column: Column or feature that holds images; None means the usual names.
      buckets: Buckets that a list may name.
      choice: Which of the files and members that it names are tried.
    """

    number: int
    uri: str
    kind: InputKind
    uri_column: str = "uri"
    image_column: str | None = None
    buckets: frozenset[str] = frozenset()
    choice: Choice = dataclasses.field(default_factory=Choice)
