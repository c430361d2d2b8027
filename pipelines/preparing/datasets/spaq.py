"""SPAQ: phone photos in many shapes, resized once to a shorter side of 512."""

from pipelines.preparing.datasets.data_set import DataSet
from pipelines.preparing.labels import LabelFile, LabelledImage, Labels, LabelScale
from pipelines.preparing.tables import read_csv, read_xlsx

_SCALE = LabelScale.score(0, 100)
_LABELS = "MOS and Image attribute scores"


def read_labels(file: LabelFile) -> Labels:
    """Read the workbook, or its first sheet as CSV; no split is released.

    Raises:
      ReleaseError: If the file is not what it should be.
    """
    read = read_xlsx if file.name.lower().endswith(".xlsx") else read_csv
    rows = tuple(
        LabelledImage(
            name=cells["Image name"],
            label=_SCALE.score_label(cells["MOS"], place),
            group=cells["Image name"],
        )
        for place, cells in read(file.data, file.name, ("Image name", "MOS"))
    )
    return Labels(rows=rows, scale=_SCALE, split_rule=None)


DATA_SET = DataSet(
    title="SPAQ",
    licence="see the release",
    expects=f"'Annotations/{_LABELS}.xlsx' or .csv, TestImage/",
    label_files=(
        tuple(
            f"{folder}{_LABELS}.{kind}"
            for kind in ("csv", "xlsx")
            for folder in ("Annotations/", "")
        ),
    ),
    read_labels=read_labels,
    image_folders=("TestImage",),
    # Before anything else, as in Fang et al. 2020 and in the MUSIQ paper, section 4.1.
    shorter_side=512,
)
