"""BIQ2021: two CSV files are its two splits."""

from pipelines.preparing.datasets.data_set import DataSet
from pipelines.preparing.labels import LabelFile, LabelledImage, Labels, LabelScale
from pipelines.preparing.tables import read_csv

_SCALE = LabelScale.score(0, 1)
_COLUMNS = ("Image Name", "MOS")


def read_labels(train: LabelFile, test: LabelFile) -> Labels:
    """Read the files of both splits.

    Raises:
      ReleaseError: If a file is not what it should be.
    """
    rows = tuple(
        LabelledImage(
            name=cells["Image Name"],
            label=_SCALE.score_label(cells["MOS"], place),
            group=cells["Image Name"],
            split=split,
        )
        for split, file in (("train", train), ("test", test))
        for place, cells in read_csv(file.data, file.name, _COLUMNS)
    )
    return Labels(
        rows=rows, scale=_SCALE, split_rule=f"{train.name} and {test.name}, as released"
    )


DATA_SET = DataSet(
    title="BIQ2021",
    licence="no licence text; its authors call it freely available for use and "
    "benchmarking",
    expects="'Train (Images and MOS).csv', 'Test (Images and MOS).csv', Images/",
    label_files=(
        ("Train (Images and MOS).csv",),
        ("Test (Images and MOS).csv",),
    ),
    read_labels=read_labels,
    image_folders=("Images",),
)
