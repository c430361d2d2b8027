"""Strict settings and the golden models that several test files share."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "true")

import jax
import pytest
from helpers import golden_models

jax.config.update("jax_numpy_rank_promotion", "allow")
jax.config.update("jax_numpy_dtype_promotion", "standard")


@pytest.fixture(scope="session")
def golden_model():
    """A function from a golden variant's name to its model, read from a model file."""
    return golden_models.read_golden_model


@pytest.fixture(scope="session")
def golden_scorer():
    """A function from a golden variant's name to its compiled scorer."""
    return golden_models.golden_scorer
