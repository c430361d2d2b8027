"""Where the models compute, and what follows from it."""

import os

import jax

from musiq_core.model_files.model_file import Model
from musiq_core.programs.bucketed.scorer import BucketedScorer
from musiq_core.programs.packed.scorer import PackedScorer
from musiq_core.programs.scorer import Scorer
from musiq_core.programs.self_test import BFLOAT16_TOLERANCE, TOLERANCE
from pipelines.scoring.config import Device
from schemas.errors import MusiqError


class DeviceError(MusiqError):
    """A worker does not have the device that the run was told to use."""


def self_test_tolerance(device: Device) -> float:
    """Return the allowed distance from a self-test, as a share of the model's range."""
    return BFLOAT16_TOLERANCE if device.is_accelerator else TOLERANCE


def use_device(device: Device) -> None:
    """Let JAX use this device alone, in this process and in those it starts."""
    os.environ["JAX_PLATFORMS"] = device.jax_platform
    jax.config.update("jax_platforms", device.jax_platform)


def require_device(device: Device) -> None:
    """Refuse a worker whose JAX computes elsewhere than it was told to.

    Raises:
      DeviceError: With what JAX has instead.
    """
    try:
        found = jax.default_backend()
    except (AssertionError, RuntimeError):  # JAX raises both where it finds none
        found = "no such device"
    if found != device:
        raise DeviceError(
            f"--device {device} was asked for, but JAX has {found}; install JAX for it "
            "(such as jax[cuda12]) where the workers run, or leave --device out"
        )


def make_scorer(model: Model, device: Device) -> Scorer:
    """Return the scorer that suits the device, compiled for ordinary photos."""
    kind = BucketedScorer if device.is_accelerator else PackedScorer
    scorer = kind(model)
    scorer.compile()
    return scorer
