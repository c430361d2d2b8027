"""What `musiq prepare` knows of a data set before it sees its files."""

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

from pipelines.preparing.labels import Labels

ReadLabels: TypeAlias = Callable[..., Labels]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set as released.

    Attributes:
      title: Full name.
      licence: Its terms, in words.
      expects: What must lie in the input folder, for the help.
      label_files: For each label file the paths where it may lie, by preference.
      read_labels: Turns the label files, in the order of `label_files`, into rows.
        None for a data set whose labels lie with its images.
      image_folders: Where the images may lie, by preference; "" is the input folder.
      shorter_side: Pixels that the shorter side of every image is resized to, if any.
      splits: Splits that must not be empty.
    """

    title: str
    licence: str
    expects: str
    label_files: tuple[tuple[str, ...], ...] = ()
    read_labels: ReadLabels | None = None
    image_folders: tuple[str, ...] = ()
    shorter_side: int | None = None
    splits: tuple[str, ...] = ("train", "test")
