"""Models with the golden data's generated parameters, in every form tests need."""

import functools
import io
import json

import numpy as np
from helpers.golden_parameters import golden_parameters
from helpers.shared_data import SHARED, golden

from musiq_core.config import DecodeConfig, PreprocessingConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.patches import Patches, extract_patches
from musiq_core.model_files.model_file import Model, read_model_file, write_model_file
from musiq_core.model_files.published_checkpoint import read_published_checkpoint
from musiq_core.programs.packed.scorer import PackedScorer

VARIANTS = ("multi_1", "single_1", "multi_10")
SCALES = {"multi": (224, 384), "single": ()}


def image_names() -> list[str]:
    return [str(name) for name in golden()["names"]]


def mode_of(variant: str) -> str:
    return variant.partition("_")[0]


@functools.cache
def layout() -> dict:
    text = (SHARED / "golden" / "checkpoint_layout.json").read_text()
    return json.loads(text)["variants"]


@functools.cache
def published_parameters(variant: str) -> dict[str, np.ndarray]:
    suffix = str(golden()["param_suffix"])
    return golden_parameters(layout()[variant]["shapes"], suffix)


def published_npz(variant: str) -> bytes:
    """A checkpoint in the published layout, unreadable optimiser arrays included."""
    file = io.BytesIO()
    arrays = published_parameters(variant)
    momentum = {
        key.replace("opt/target/", "opt/state/param_states/") + "/momentum": np.zeros(
            3, np.dtype("V2")
        )
        for key in list(arrays)[:5]
    }
    np.savez(file, **arrays, **momentum, **{"opt/state/step": np.int32(7)})
    return file.getvalue()


@functools.cache
def golden_model_file(variant: str) -> bytes:
    outputs = int(variant.partition("_")[2])
    parameters, config = read_published_checkpoint(
        io.BytesIO(published_npz(variant)), output_count=outputs
    )
    return write_model_file(
        parameters,
        config,
        name=variant,
        score_range=(1, 10) if outputs > 1 else (0, 100),
        higher_is_better=True,
        training_data="none: generated parameters",
        licence="none",
        source="golden data",
    )


@functools.cache
def read_golden_model(variant: str) -> Model:
    return read_model_file(golden_model_file(variant))


@functools.cache
def golden_scorer(variant: str) -> PackedScorer:
    return PackedScorer(read_golden_model(variant))


@functools.cache
def golden_patches(name: str, mode: str, jpeg_dct: str = "fast") -> Patches:
    data = golden()[f"{name}/encoded"].tobytes()
    image = decode_image(data, DecodeConfig(jpeg_dct=jpeg_dct, orientation="ignore"))
    return extract_patches(image.pixels, PreprocessingConfig(scales=SCALES[mode]))
