"""Marks this suite, and gives it a model and the store's emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import gcs_emulator
from helpers.local_server import LocalStore
from helpers.tiny_models import tiny_model_file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.hostile)


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    path.write_bytes(tiny_model_file())
    return path


@pytest.fixture(scope="session")
def gcs() -> Iterator[LocalStore]:
    with gcs_emulator.running_emulator() as emulator:
        yield emulator
