"""KADID-10k: distorted versions of 81 references; its dmos is higher where better."""

from pipelines.preparing.datasets.data_set import DataSet
from pipelines.preparing.labels import LabelFile, LabelledImage, Labels, LabelScale
from pipelines.preparing.tables import read_csv

_SCALE = LabelScale.score(1, 5)


def read_labels(file: LabelFile) -> Labels:
    """Read `dmos.csv`; versions of one reference form a group. No split is released.

    Raises:
      ReleaseError: If the file is not what it should be.
    """
    rows = tuple(
        LabelledImage(
            name=cells["dist_img"],
            label=_SCALE.score_label(cells["dmos"], place),
            group=cells["ref_img"],
        )
        for place, cells in read_csv(
            file.data, file.name, ("dist_img", "ref_img", "dmos")
        )
    )
    return Labels(rows=rows, scale=_SCALE, split_rule=None)


DATA_SET = DataSet(
    title="KADID-10k",
    licence="see the release; the references are from Pixabay",
    expects="dmos.csv, images/",
    label_files=(("dmos.csv",),),
    read_labels=read_labels,
    image_folders=("images",),
)
