"""Imports point inwards, in no circle, rooms are no heaps, TensorFlow in training."""

import ast
import graphlib
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "schemas": {"schemas"},
    "musiq_core": {"schemas", "musiq_core"},
    "pipelines": {"schemas", "musiq_core", "pipelines"},
    "training": {"schemas", "musiq_core", "training", "pipelines.storage"},
}
FORBIDDEN = {
    "schemas": {"apache_beam", "jax", "flax", "numpy", "tensorflow"},
    "musiq_core": {"apache_beam", "google", "tensorflow", "os", "pathlib", "absl"},
    "pipelines": {"tensorflow"},
    "training": set(),
}


def imported_names(source: str) -> set[str]:
    """Everything that is imported anywhere, dotted."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_packages(source: str) -> set[str]:
    return {name.partition(".")[0] for name in imported_names(source)}


def wrong_imports(package: str, source: str) -> set[str]:
    def is_allowed(name: str) -> bool:
        return any(f"{name}.".startswith(f"{one}.") for one in ALLOWED[package])

    ours = {n for n in imported_names(source) if n.partition(".")[0] in ALLOWED}
    wrong = {n.partition(".")[0] for n in ours if not is_allowed(n)}
    return wrong | imported_packages(source) & FORBIDDEN[package]


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
    assert not wrong_imports("training", "from pipelines.storage.uris import join")
    assert wrong_imports("training", "from pipelines.models import read") == {
        "pipelines"
    }


def modules() -> dict[str, Path]:
    """Every module of the four packages by its dotted name."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): file
        for package in ALLOWED
        for file in (ROOT / package).rglob("*.py")
    }


def imported_modules(source: str, known: Collection[str]) -> set[str]:
    """What a module imports, wherever, as the names of modules that there are."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside if inside <= set(known) else {*inside, str(node.module)}
    return {full for name in found for full in (name, f"{name}.__init__")} & set(known)


def with_packages(arrows: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Arrows, with those to packages that are imported on the way to a module."""
    return {
        name: others
        | {
            package
            for package in map("{}.__init__".format, packages_of(*others))
            if package in arrows and not name.startswith(package[: -len("__init__")])
        }
        for name, others in arrows.items()
    }


def packages_of(*modules: str) -> set[str]:
    """All packages that modules lie in."""
    parts = [module.split(".") for module in modules]
    return {".".join(one[:end]) for one in parts for end in range(1, len(one))}


def circle_in(arrows: Mapping[str, set[str]]) -> list[str] | None:
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def between_rooms(arrows: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Arrows between the rooms of the packages, such as training.models."""
    rooms: dict[str, set[str]] = {}
    for name, others in arrows.items():
        here = room_of(name)
        rooms.setdefault(here, set()).update({room_of(o) for o in others} - {here})
    return rooms


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_no_circle_of_modules_and_none_of_rooms():
    files = modules()
    arrows = {name: imported_modules(f.read_text(), files) for name, f in files.items()}
    assert circle_in(with_packages(arrows)) is None
    assert circle_in(between_rooms(arrows)) is None


def test_a_circle_would_be_found():
    known = ("a.b.c", "a.b.__init__", "a.d.e")
    assert imported_modules("from a.b import c", known) == {"a.b.c"}
    assert imported_modules("from a.b import C", known) == {"a.b.__init__"}
    lazy = imported_modules("import a.d.e\ndef f():\n import a.b.c", known)
    assert lazy == {"a.b.c", "a.d.e"}
    assert circle_in({"a.b.c": {"a.d.e"}, "a.d.e": {"a.b.c"}})
    through_package = {
        "a.x": {"a.b.c"},
        "a.b.c": set(),
        "a.b.__init__": {"a.b.d"},
        "a.b.d": {"a.x"},
    }
    assert circle_in(through_package) is None
    assert circle_in(with_packages(through_package))
    through_rooms = {"a.b.c": {"a.d.e"}, "a.d.f": {"a.b.g"}}
    assert circle_in(through_rooms) is None
    assert circle_in(between_rooms(through_rooms))


def test_every_folder_of_code_is_a_package():
    """setup.py installs what `find_packages` finds, which is folders with this file."""
    for package in ALLOWED:
        for file in (ROOT / package).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), file.relative_to(ROOT)


ROOM_FILES = 16


def test_rooms_not_heaps():
    for package in ALLOWED:
        for folder in {file.parent for file in (ROOT / package).rglob("*.py")}:
            files = [f for f in folder.glob("*.py") if f.name != "__init__.py"]
            name = folder.relative_to(ROOT).as_posix()
            assert len(files) <= ROOM_FILES, name


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
