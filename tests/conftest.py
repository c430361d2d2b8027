"""The golden models that several test files share, on the CPU wherever tests run."""

import os

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from helpers import golden_models


@pytest.fixture(scope="session")
def golden_model():
    """A function from a golden variant's name to its model, read from a model file."""
    return golden_models.read_golden_model


@pytest.fixture(scope="session")
def golden_scorer():
    """A function from a golden variant's name to its compiled scorer."""
    return golden_models.golden_scorer
