"""One `--input` of a run, resolved."""

import dataclasses
import enum

from pipelines.scoring.choosing.choice import Choice
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
    PARTS = "folder of Parquet parts with images"
    URI_LIST = "list of URIs"
    CSV = "CSV manifest"
    JSON_LINES = "manifest of JSON lines"
    PARQUET = "Parquet manifest"
    INVENTORY = "inventory report"


MANIFESTS = frozenset(
    [InputKind.URI_LIST, InputKind.CSV, InputKind.JSON_LINES, InputKind.PARQUET]
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Input:
    """One `--input`, resolved.

    Attributes:
      number: Place among the inputs; of repeated images the first is kept.
      uri: Folder, image, file of images, glob, list or manifest.
      kind: How its images are found.
      uri_column: The manifest's column that names the images.
      image_column: Column or feature that holds images; None means the usual names.
      is_many: Whether it stands for many lists or manifests: a glob, numbered files,
        or a folder of parts.
      files: Its files by their names below `uri`, where they are known beforehand.
      size_bytes: Size of the one file that it is; None of others.
      buckets: Buckets that a list may name.
      choice: Which of the files and members that it names are tried.
    """

    number: int
    uri: str
    kind: InputKind
    uri_column: str = "uri"
    image_column: str | None = None
    is_many: bool = False
    files: tuple[str, ...] = ()
    size_bytes: int | None = None
    buckets: frozenset[str] = frozenset()
    choice: Choice = dataclasses.field(default_factory=Choice)
