"""Your own data: one CSV file beside the images."""

import re

from pipelines.preparing.datasets.data_set import DataSet
from pipelines.preparing.labels import (
    LabelFile,
    LabelledImage,
    Labels,
    LabelScale,
    ReleaseError,
    rating_label,
)
from pipelines.preparing.tables import csv_header, read_csv

_RATING = re.compile(r"c([1-9]\d*)")


def read_labels(file: LabelFile, *, scale: LabelScale | None = None) -> Labels:
    """Read `image,mos` or `image,c1..cN`, each with `split` and `group` if wanted.

    Args:
      file: The CSV file.
      scale: What the numbers of `mos` mean; ratings mean 1..N anyway.

    Raises:
      ReleaseError: If the file is not what it should be, or `scale` is missing.
    """
    header = csv_header(file.data, file.name)
    ratings = _ratings(header, file.name)
    if ("mos" in header) == bool(ratings):
        raise ReleaseError(
            f"{file.name} must have a column mos or columns c1..cN, its header is "
            f"{', '.join(header)[:200]}"
        )
    if not ratings and scale is None:
        raise ReleaseError(
            f"which scores does {file.name} allow? Add --scale LOW HIGH, such as "
            "--scale 0 100"
        )
    if ratings or scale is None:
        scale = LabelScale.ratings(len(ratings))
    rows = []
    for place, cells in read_csv(file.data, file.name, ("image",)):
        name = cells["image"]
        if ratings:
            label = rating_label([cells[rating] for rating in ratings], place)
        else:
            label = scale.score_label(cells["mos"], place)
        group, split = cells.get("group") or name, cells.get("split") or None
        rows.append(LabelledImage(name=name, label=label, group=group, split=split))
    rule = f"column split of {file.name}" if "split" in header else None
    return Labels(rows=tuple(rows), scale=scale, split_rule=rule)


def _ratings(header: list[str], file: str) -> list[str]:
    """Return the columns c1..cN in their order."""
    found = sorted(int(match[1]) for n in header if (match := _RATING.fullmatch(n)))
    if found and (len(found) < 2 or found != list(range(1, len(found) + 1))):
        raise ReleaseError(
            f"{file}: the ratings must be columns c1..cN without gaps, got "
            f"{', '.join(f'c{number}' for number in found)}"
        )
    return [f"c{number}" for number in found]


DATA_SET = DataSet(
    title="",
    licence="not stated",
    expects="one .csv with the columns image, mos or c1..cN, and perhaps split and "
    "group; image names are relative to it",
    label_files=(("*.csv",),),
    read_labels=read_labels,
    image_folders=("",),
)
