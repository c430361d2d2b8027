"""Imports point inwards, TensorFlow appears in training alone, rooms are no heaps."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "schemas": {"schemas"},
    "musiq_core": {"schemas", "musiq_core"},
    "pipelines": {"schemas", "musiq_core", "pipelines"},
    "training": {"schemas", "musiq_core", "training"},
}
FORBIDDEN = {
    "schemas": {"apache_beam", "jax", "flax", "numpy", "tensorflow"},
    "musiq_core": {"apache_beam", "google", "tensorflow", "os", "pathlib", "absl"},
    "pipelines": {"tensorflow"},
    "training": set(),
}


def imported_packages(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add((node.module or "").partition(".")[0])
    return names


def wrong_imports(package: str, source: str) -> set[str]:
    imports = imported_packages(source)
    return (imports & ALLOWED.keys() - ALLOWED[package]) | imports & FORBIDDEN[package]


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_inwards(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not wrong_imports(package, file.read_text()), file.relative_to(ROOT)


def test_a_wrong_arrow_would_be_found():
    assert wrong_imports("schemas", "import musiq_core.config") == {"musiq_core"}
    assert wrong_imports("pipelines", "from training import cli") == {"training"}
    assert wrong_imports("musiq_core", "def f():\n import tensorflow") == {"tensorflow"}
    assert not wrong_imports("training", "import tensorflow, schemas.ledger")


def test_every_folder_of_code_is_a_package():
    """setup.py installs what `find_packages` finds, which is folders with this file."""
    for package in ALLOWED:
        for file in (ROOT / package).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), file.relative_to(ROOT)


# Its steps are many and read best side by side.
LARGE_ROOMS = {"pipelines/scoring"}
ROOM_FILES = 16


def test_rooms_not_heaps():
    for package in ALLOWED:
        for folder in {file.parent for file in (ROOT / package).rglob("*.py")}:
            files = [f for f in folder.glob("*.py") if f.name != "__init__.py"]
            name = folder.relative_to(ROOT).as_posix()
            assert len(files) <= ROOM_FILES or name in LARGE_ROOMS, name


UNPICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "torch"}


def ways_to_unpickle(source: str) -> list[str]:
    """Imports of unpicklers, and `allow_pickle` given as anything but False."""
    allowed = [
        ast.unparse(node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.keyword)
        and node.arg == "allow_pickle"
        and ast.unparse(node.value) != "False"
    ]
    return sorted(imported_packages(source) & UNPICKLERS) + allowed


def test_nothing_that_is_read_can_run_code():
    for package in ALLOWED:
        for file in (ROOT / package).rglob("*.py"):
            assert not ways_to_unpickle(file.read_text()), file.relative_to(ROOT)


def test_a_way_to_unpickle_would_be_found():
    assert ways_to_unpickle("import pickle") == ["pickle"]
    assert ways_to_unpickle("np.load(f, allow_pickle=True)") == ["True"]
    assert not ways_to_unpickle("np.load(f, allow_pickle=False)")
