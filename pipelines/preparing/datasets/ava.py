"""AVA: counts of the votes 1..10; tested on one list, trained on everything else."""

from pipelines.preparing.datasets.data_set import DataSet
from pipelines.preparing.labels import (
    LabelFile,
    LabelledImage,
    Labels,
    LabelScale,
    ReleaseError,
    rating_label,
)
from pipelines.preparing.tables import decode_text

_COLUMNS = 15
_RATINGS = 10


def read_labels(scores: LabelFile, test: LabelFile) -> Labels:
    """Read `AVA.txt` and `generic_test.jpgl`; the label is the share of every vote.

    The list `generic_ls_train` is not used: common practice trains on all images that
    are not in the test list.

    Raises:
      ReleaseError: If a line is not what it should be.
    """
    in_test = {
        image_id.strip() for image_id in decode_text(test.data, test.name).splitlines()
    }
    rows = []
    lines = decode_text(scores.data, scores.name).splitlines()
    for number, line in enumerate(lines, start=1):
        place, cells = f"{scores.name}, line {number}", line.split()
        if not cells:
            continue
        if len(cells) != _COLUMNS or not all(cell.isdecimal() for cell in cells):
            raise ReleaseError(
                f"{place}: expected {_COLUMNS} whole numbers, got {line[:80]!r}"
            )
        name = f"{cells[1]}.jpg"
        rows.append(
            LabelledImage(
                name=name,
                label=rating_label(cells[2 : 2 + _RATINGS], place),
                group=name,
                split="test" if cells[1] in in_test else "train",
            )
        )
    return Labels(
        rows=tuple(rows),
        scale=LabelScale.ratings(_RATINGS),
        split_rule=f"{test.name} for testing, everything else for training",
    )


DATA_SET = DataSet(
    title="AVA",
    licence="images belong to their photographers and must not be passed on",
    expects="AVA.txt, aesthetics_image_lists/generic_test.jpgl, images/<id>.jpg",
    label_files=(
        ("AVA.txt",),
        ("aesthetics_image_lists/generic_test.jpgl", "generic_test.jpgl"),
    ),
    read_labels=read_labels,
    image_folders=("images", "image"),
)
