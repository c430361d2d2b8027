"""One file a data set: from its label files to labelled rows.

Light, so that `musiq prepare --help` can list them.
"""

from typing import Literal

from pipelines.preparing.datasets import (
    ava,
    biq2021,
    imagenet,
    kadid10k,
    koniq10k,
    paq2piq,
    plain_csv,
    spaq,
)
from pipelines.preparing.datasets.data_set import DataSet

DataSetName = Literal[
    "koniq10k", "paq2piq", "spaq", "ava", "imagenet", "kadid10k", "biq2021", "csv"
]
DATA_SETS: dict[DataSetName, DataSet] = {
    "koniq10k": koniq10k.DATA_SET,
    "paq2piq": paq2piq.DATA_SET,
    "spaq": spaq.DATA_SET,
    "ava": ava.DATA_SET,
    "imagenet": imagenet.DATA_SET,
    "kadid10k": kadid10k.DATA_SET,
    "biq2021": biq2021.DATA_SET,
    "csv": plain_csv.DATA_SET,
}

__all__ = ["DATA_SETS", "DataSet", "DataSetName"]
