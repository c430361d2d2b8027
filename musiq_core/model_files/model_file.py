"""The model file: parameters and model card in one `.safetensors`, with a digest.

The digest is the SHA-256 of the whole file with the digest's own hexadecimal digits
read as zeros. It lies in the file's header, so a file proves its own integrity, and it
is the model's identity in every ledger row.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util
from jaxtyping import Float32

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.network.model import parameter_shapes
from schemas.errors import MusiqError
from schemas.model_card import ModelCard, ModelCardError

_METADATA_KEY = "musiq"
_DIGEST_MARK = b"musiq-sha256:"
_DIGEST_PATTERN = re.compile(_DIGEST_MARK + rb"([0-9a-f]{64})")
_UNSIGNED = b"0" * 64
_LISTED_NAMES = 5


class ModelFileError(MusiqError, ValueError):
    """A model file that must not be used; the message says what is wrong with it."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """One model, read and verified.

    Attributes:
      card: What the file says of itself.
      config: The architecture and preprocessing of the card, checked.
      parameters: float32 arrays by full name, such as `head/kernel`.
      digest: SHA-256 of the file, 64 hexadecimal digits.
    """

    card: ModelCard
    config: ModelConfig
    parameters: dict[str, Float32[np.ndarray, "..."]]
    digest: str

    @property
    def variables(self) -> dict[str, Any]:
        """The parameters as the tree that `Musiq(config).apply` takes."""
        return variables_of(self.parameters)


def write_model_file(
    parameters: Mapping[str, np.ndarray],
    config: ModelConfig,
    **card_fields: Any,
) -> bytes:
    """Return the bytes of a model file; the same input gives the same bytes.

    Args:
      parameters: float32 arrays by full name.
      config: The architecture, written into the card.
      **card_fields: The other fields of `ModelCard`.

    Raises:
      ModelFileError: If parameters are missing, unknown or misshapen for `config`.
      ModelCardError: If a card field is wrong.
    """
    require_structure(shapes_of(parameters), parameter_shapes(config))
    architecture = dataclasses.asdict(config)
    card = ModelCard(
        preprocessing=architecture.pop("preprocessing"),
        architecture=architecture,
        **card_fields,
    )
    header = json.dumps(
        {"card": card.to_json(), "digest": (_DIGEST_MARK + _UNSIGNED).decode()}
    )
    data = safetensors.numpy.save(dict(parameters), {_METADATA_KEY: header})
    return data.replace(
        _DIGEST_MARK + _UNSIGNED, _DIGEST_MARK + _sha256(data).encode(), 1
    )


def read_model_file(data: bytes) -> Model:
    """Read and verify a model file.

    Args:
      data: The whole file.

    Raises:
      ModelFileError: If it is not a model file, is damaged or cut, or if its parameters
        do not fit its card.
    """
    header = _read_header(data)
    if _sha256(data) != header["digest"]:
        raise ModelFileError(
            f"the file is damaged: its header promises SHA-256 {header['digest']}, its "
            f"bytes have {_sha256(data)}; fetch or import it again"
        )
    try:
        card = ModelCard.from_json(header["card"])
        config = _config_of(card)
        parameters = safetensors.numpy.load(data)
    except (
        ModelCardError,
        ValueError,
        TypeError,
        safetensors.SafetensorError,
    ) as error:
        raise ModelFileError(f"the file cannot be used: {error}") from error
    require_structure(shapes_of(parameters), parameter_shapes(config))
    wrong_types = sorted(n for n, a in parameters.items() if a.dtype != np.float32)
    if wrong_types:
        raise ModelFileError(f"parameters that are not float32: {_listed(wrong_types)}")
    return Model(
        card=card, config=config, parameters=parameters, digest=header["digest"]
    )


def require_structure(
    found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse parameters that do not fit an architecture, naming them.

    Args:
      found: Shapes by full name.
      expected: Shapes by full name, as `parameter_shapes` gives them.

    Raises:
      ModelFileError: With the missing, unknown and misshapen names.
    """
    problems: list[str] = []
    if missing := sorted(expected.keys() - found.keys()):
        problems.append(f"missing {_listed(missing)}")
    if unknown := sorted(found.keys() - expected.keys()):
        problems.append(f"unknown {_listed(unknown)}")
    misshapen = [
        f"{name} has shape {list(found[name])}, expected {list(expected[name])}"
        for name in sorted(found.keys() & expected.keys())
        if tuple(found[name]) != tuple(expected[name])
    ]
    if misshapen:
        problems.append(_listed(misshapen))
    if problems:
        raise ModelFileError(
            "the parameters do not fit the architecture: " + "; ".join(problems)
        )


def variables_of(parameters: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return arrays by full name as the tree that `Musiq(config).apply` takes."""
    return {"params": traverse_util.unflatten_dict(dict(parameters), sep="/")}


def shapes_of(parameters: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array by name."""
    return {name: array.shape for name, array in parameters.items()}


def _read_header(data: bytes) -> dict[str, str]:
    """Return the card and digest strings of the file's metadata."""
    header_size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header_size > len(data) - 8:
        raise ModelFileError(
            f"not a whole .safetensors file: {len(data)} bytes, too few for its "
            "header; `musiq models import` makes one of a published .npz checkpoint"
        )
    try:
        metadata = json.loads(data[8 : 8 + header_size])["__metadata__"]
        header = json.loads(metadata[_METADATA_KEY])
        digest = _DIGEST_PATTERN.fullmatch(header["digest"].encode())
        if digest is None:
            raise ValueError("no digest")
        return {"card": header["card"], "digest": digest[1].decode()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            "the file has no readable musiq model card in its header; model files are "
            "made by `musiq models import` or `musiq-train publish`"
        ) from error


def _sha256(data: bytes) -> str:
    """SHA-256 of the file with its digest's digits read as zeros."""
    header_end = 8 + int.from_bytes(data[:8], "little")
    match = _DIGEST_PATTERN.search(data, 0, header_end)
    if match is None:
        raise ModelFileError("the file's header holds no digest")
    view = memoryview(data)
    digest = hashlib.sha256(view[: match.start(1)])
    digest.update(_UNSIGNED)
    digest.update(view[match.end(1) :])
    return digest.hexdigest()


def _config_of(card: ModelCard) -> ModelConfig:
    """Return the card's architecture as a checked configuration."""
    preprocessing = dict(card.preprocessing)
    scales = tuple(preprocessing.pop("scales"))
    return ModelConfig(
        preprocessing=PreprocessingConfig(scales=scales, **preprocessing),
        **card.architecture,
    )


def _listed(names: list[str]) -> str:
    """Join at most a handful of names and say how many more there are."""
    more = len(names) - _LISTED_NAMES
    text = ", ".join(names[:_LISTED_NAMES])
    return f"{text} and {more} more" if more > 0 else text
