"""KonIQ-10k: two label files, in which MOS means two different things."""

import math

from pipelines.preparing.datasets.data_set import DataSet
from pipelines.preparing.labels import (
    LabelFile,
    LabelledImage,
    Labels,
    LabelScale,
    ReleaseError,
    parse_number,
)
from pipelines.preparing.tables import csv_header, read_csv

_SCALE = LabelScale.score(0, 100)
_RATINGS = ("c1", "c2", "c3", "c4", "c5")
_SPLITS = {"training": "train", "validation": "validation", "test": "test"}
_TOLERANCE = 1e-2


def read_labels(file: LabelFile) -> Labels:
    """Read either label file; the label is the score on 0..100.

    `koniq10k_scores_and_distributions.csv` has it as MOS_zscore, and as MOS the mean of
    the ratings 1..5. `koniq10k_distributions_sets.csv` has it as MOS, with
    probabilities in c1..c5 and the split of the release as `set`.

    Raises:
      ReleaseError: If the file is neither of the two, or holds other numbers.
    """
    header = csv_header(file.data, file.name)
    if "MOS_zscore" in header:
        return _read_scores(file)
    return _read_sets(file)


def _read_scores(file: LabelFile) -> Labels:
    columns = ("image_name", "MOS_zscore")
    rows = tuple(
        LabelledImage(
            name=cells["image_name"],
            label=_SCALE.score_label(cells["MOS_zscore"], place),
            group=cells["image_name"],
        )
        for place, cells in read_csv(file.data, file.name, columns)
    )
    return Labels(rows=rows, scale=_SCALE, split_rule=None)


def _read_sets(file: LabelFile) -> Labels:
    rows = []
    columns = ("image_name", *_RATINGS, "MOS", "set")
    for place, cells in read_csv(file.data, file.name, columns):
        shares = [parse_number(cells[rating], place) for rating in _RATINGS]
        label = _SCALE.score_label(cells["MOS"], place)
        _require_probabilities(shares, label[0], place)
        if cells["set"] not in _SPLITS:
            raise ReleaseError(
                f"{place}: the set {cells['set']!r} is none of {', '.join(_SPLITS)}"
            )
        rows.append(
            LabelledImage(
                name=cells["image_name"],
                label=label,
                group=cells["image_name"],
                split=_SPLITS[cells["set"]],
            )
        )
    return Labels(
        rows=tuple(rows), scale=_SCALE, split_rule=f"column set of {file.name}"
    )


def _require_probabilities(shares: list[float], score: float, place: str) -> None:
    """Refuse a file whose MOS is the mean of the ratings, on 1..5."""
    if abs(math.fsum(shares) - 1) > _TOLERANCE:
        raise ReleaseError(
            f"{place}: c1..c5 do not sum to 1 and there is no column MOS_zscore, so "
            "MOS is not the score on 0..100; take one of the two official label files"
        )
    mean = math.fsum(rating * share for rating, share in enumerate(shares, start=1))
    if abs(mean - score) < _TOLERANCE:
        raise ReleaseError(
            f"{place}: MOS is the mean of the ratings 1..5, not the score on 0..100; "
            "take one of the two official label files"
        )


DATA_SET = DataSet(
    title="KonIQ-10k",
    licence="see the release; the photos are from Flickr, under their authors' terms",
    expects="koniq10k_distributions_sets.csv or koniq10k_scores_and_distributions.csv, "
    "1024x768/",
    label_files=(
        (
            "koniq10k_distributions_sets.csv",
            "koniq10k_scores_and_distributions.csv",
            "koniq10k_*.csv",
        ),
    ),
    read_labels=read_labels,
    image_folders=("1024x768",),
)
