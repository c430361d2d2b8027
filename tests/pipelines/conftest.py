"""One emulator of each object store for all tests that need it."""

import pytest
from helpers import gcs_emulator, s3_emulator


@pytest.fixture(scope="session")
def gcs():
    with gcs_emulator.running_emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def s3():
    with s3_emulator.running_emulator() as emulator:
        yield emulator
