"""Import of the checkpoints that MUSIQ's authors published, `.npz` archives.

Only arrays below `opt/target/` are parameters. The others belong to the optimiser and
have a data type that numpy cannot read, so they are never converted.
"""

import dataclasses
import zipfile
from typing import BinaryIO

import numpy as np
from jaxtyping import Float32, Shaped

from musiq_core.config import ModelConfig, published_config
from musiq_core.model_files.model_file import ModelFileError, require_structure
from musiq_core.network.model import parameter_shapes

_PREFIX = "opt/target/"
_SUFFIX = ".npy"
_SCALE_EMBEDDING = "Transformer/scaleembed_input/scale_embedding"
_HEAD = "head/kernel"

_Headers = dict[str, tuple[tuple[int, ...], np.dtype]]
"""Shape and data type by full name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedDataset:
    """A labelled data set that published checkpoints were fine-tuned on.

    Attributes:
      title: Its full name.
      score_range: Lowest and highest label.
      output_count: Outputs of the published head.
    """

    title: str
    score_range: tuple[float, float]
    output_count: int = 1


PUBLISHED_DATASETS = {
    "ava": PublishedDataset(title="AVA", score_range=(1, 10), output_count=10),
    "koniq": PublishedDataset(title="KonIQ-10k", score_range=(0, 100)),
    "paq2piq": PublishedDataset(title="PaQ-2-PiQ", score_range=(0, 100)),
    "spaq": PublishedDataset(title="SPAQ", score_range=(0, 100)),
}


def read_published_checkpoint(
    file: BinaryIO, *, output_count: int | None
) -> tuple[dict[str, Float32[np.ndarray, "..."]], ModelConfig]:
    """Read a published `.npz` checkpoint.

    Args:
      file: The open archive, seekable.
      output_count: Outputs that the head must have; None for any.

    Returns:
      float32 arrays by full name without the prefix, and the architecture: the
      published one, three scales or native only as the scale embedding says.

    Raises:
      ModelFileError: If the file is no such archive, or if parameters are missing,
        unknown, misshapen or not float32; the message names them. Shapes are checked
        before any array is read.

    Source: musiq-spec section 8.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            headers = _read_headers(archive)
            config = _published_config(headers, output_count)
            require_structure(
                {name: shape for name, (shape, _) in headers.items()},
                parameter_shapes(config),
            )
            wrong = sorted(
                n for n, (_, dtype) in headers.items() if dtype != np.float32
            )
            if wrong:
                raise ModelFileError(f"{_PREFIX}{wrong[0]} is not float32")
            parameters = {name: _read_array(archive, name) for name in headers}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"not a whole .npz checkpoint ({error}); download it again"
        ) from error
    return parameters, config


def _read_headers(archive: zipfile.ZipFile) -> _Headers:
    """Shape and data type of every parameter, without reading the arrays."""
    headers: _Headers = {}
    for member in archive.namelist():
        if not member.startswith(_PREFIX) or not member.endswith(_SUFFIX):
            continue
        with archive.open(member) as array:
            np.lib.format.read_magic(array)
            shape, _, dtype = np.lib.format.read_array_header_1_0(array)
        headers[member[len(_PREFIX) : -len(_SUFFIX)]] = (shape, dtype)
    if not headers:
        raise ModelFileError(
            f"the archive has no arrays below {_PREFIX}; is it a MUSIQ checkpoint?"
        )
    return headers


def _published_config(headers: _Headers, output_count: int | None) -> ModelConfig:
    """Tell the published variants apart by their scale embedding and head."""
    for name, rank in ((_SCALE_EMBEDDING, 3), (_HEAD, 2)):
        if name not in headers or len(headers[name][0]) != rank:
            raise ModelFileError(f"missing or misshapen parameter {_PREFIX}{name}")
    scale_rows = headers[_SCALE_EMBEDDING][0][1]
    scales_by_rows = {3: (224, 384), 1: ()}
    if scale_rows not in scales_by_rows:
        raise ModelFileError(
            f"{_PREFIX}{_SCALE_EMBEDDING} has {scale_rows} rows; the published models "
            "have 3 (multi-scale) or 1 (single-scale)"
        )
    found_outputs = headers[_HEAD][0][1]
    if output_count not in (None, found_outputs):
        raise ModelFileError(
            f"the head has {found_outputs} outputs, this data set's models have "
            f"{output_count}: is --dataset right?"
        )
    return published_config(
        scales=scales_by_rows[scale_rows], output_count=found_outputs
    )


def _read_array(archive: zipfile.ZipFile, name: str) -> Shaped[np.ndarray, "..."]:
    with archive.open(_PREFIX + name + _SUFFIX) as array:
        return np.lib.format.read_array(array, allow_pickle=False)
