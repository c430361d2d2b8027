"""What several test files share: golden models, object stores; on the CPU anywhere."""

import os

import hypothesis
import jaxtyping
import pytest
from helpers import shape_checks

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Shapes and dtypes in annotations hold in this process; programs that tests start are
# what users start.
jaxtyping.install_import_hook("musiq_core", f"{shape_checks.__name__}.check")
# A first call compiles its checks, and machines differ: slow is not wrong.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

from helpers import gcs_emulator, golden_models, s3_emulator, whole_runs


@pytest.fixture(scope="session")
def golden_model():
    """A function from a golden variant's name to its model, read from a model file."""
    return golden_models.read_golden_model


@pytest.fixture(scope="session")
def golden_scorer():
    """A function from a golden variant's name to its compiled scorer."""
    return golden_models.golden_scorer


@pytest.fixture(scope="session")
def gcs():
    """The one emulator of gs://; this process's client, once made, knows no other."""
    with gcs_emulator.running_emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def s3():
    """The one emulator of s3://."""
    with s3_emulator.running_emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def models_loaded_once():
    """Runs in this process share the compiled programs of a model."""
    with whole_runs.models_loaded_once():
        yield
