"""One emulator of Google Cloud Storage for all tests that need it."""

import pytest
from helpers import gcs_emulator


@pytest.fixture(scope="session")
def gcs():
    with gcs_emulator.running_emulator() as emulator:
        yield emulator
