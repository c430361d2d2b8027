"""PaQ-2-PiQ (FLIVE): whole images and patches of them; patches must not leak."""

import dataclasses
import re

from pipelines.preparing.datasets.data_set import DataSet
from pipelines.preparing.labels import (
    LabelFile,
    LabelledImage,
    Labels,
    LabelScale,
    ReleaseError,
)
from pipelines.preparing.tables import read_csv

_SCALE = LabelScale.score(0, 100)
_PATCH = re.compile(r"(?:.*/)?(?P<image>[^/]+)_patch_[1-9]\d*\.jpg", re.IGNORECASE)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def read_labels(
    images: LabelFile, patches: LabelFile, test: LabelFile, padded: LabelFile
) -> Labels:
    """Read the label files; a patch is in the group and the split of its image.

    Images of `labels640.csv` are for testing, those with `is_valid` in the padded file
    for validation, all others for training. Patches are for training only: the paper
    trains on images and patches, and evaluates on images.

    Raises:
      ReleaseError: If a file is not what it should be, or a patch has no image.
    """
    in_test = {cells["name_image"] for _, cells in _table(test, "name_image")}
    in_validation = {
        cells["name_image"]
        for place, cells in _table(padded, "name_image", "is_valid")
        if _boolean(cells["is_valid"], place)
    }
    whole: dict[str, LabelledImage] = {}
    for place, cells in _table(images, "name", "mos"):
        name = cells["name"]
        split = "validation" if name in in_validation else "train"
        key = name.rpartition("/")[2]
        if key in whole:
            raise ReleaseError(
                f"{place}: {name!r} and {whole[key].name!r} cannot be told apart by "
                "the names of their patches"
            )
        whole[key] = LabelledImage(
            name=name,
            label=_SCALE.score_label(cells["mos"], place),
            group=name,
            split="test" if name in in_test else split,
        )
    if stray := in_test - {row.name for row in whole.values()}:
        raise ReleaseError(
            f"{test.name} names {min(stray)!r}, which {images.name} does not have"
        )
    parts = [
        _patch(cells, place, whole) for place, cells in _table(patches, "name", "mos")
    ]
    return Labels(
        rows=(*whole.values(), *parts),
        scale=_SCALE,
        split_rule=f"{test.name} for testing, is_valid of {padded.name} for "
        "validation, the rest with its patches for training",
    )


def _patch(
    cells: dict[str, str], place: str, whole: dict[str, LabelledImage]
) -> LabelledImage:
    match = _PATCH.fullmatch(cells["name"])
    image = whole.get(match["image"]) if match else None
    if image is None:
        raise ReleaseError(f"{place}: no image has the patch {cells['name']!r}")
    return dataclasses.replace(
        image,
        name=cells["name"],
        label=_SCALE.score_label(cells["mos"], place),
        is_only_for_training=True,
    )


def _table(file: LabelFile, *columns: str):
    return read_csv(file.data, file.name, columns)


def _boolean(text: str, place: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ReleaseError(f"{place}: is_valid is {text!r}, neither True nor False")
    return _BOOLEANS[text.lower()]


DATA_SET = DataSet(
    title="PaQ-2-PiQ (FLIVE)",
    licence="CC BY-NC 4.0; its images come from VOC2012, EMOTIC, AVA and CUHK",
    expects="labels_image.csv, labels_patch.csv, labels640.csv, labels=640_padded.csv, "
    "folders as the labels name them, or all in database/",
    label_files=tuple(
        tuple(f"{folder}{name}" for folder in ("", "database/") for name in names)
        for names in (
            ("labels_image.csv",),
            ("labels_patch.csv",),
            ("labels640.csv", "labels>640.csv"),
            ("labels=640_padded.csv", "labels<=640_padded.csv"),
        )
    ),
    read_labels=read_labels,
    image_folders=("database", "images", ""),
)
