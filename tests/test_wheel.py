"""The wheel is what users get: built, installed beside the locked packages, run."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from helpers.make_images import encoded, photo_like
from helpers.run_musiq import ROOT

PROGRAMS = ROOT / ".venv-worker" / "bin"
PACKAGES = {"schemas", "musiq_core", "pipelines", "training"}
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info")

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: what an older build has left must not get in."""
    source = tmp_path_factory.mktemp("wheel") / "source"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    uv = Path(sys.executable).parent / "uv"
    build = "build --quiet --wheel --no-build-isolation --offline --out-dir dist"
    command = [uv, *build.split(), "--python", sys.executable, source]
    subprocess.run(command, check=True, cwd=source.parent)
    [built] = (source.parent / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def folder(wheel, tmp_path_factory) -> Path:
    """A folder with two photos, from where the installed programs run."""
    assert PROGRAMS.exists(), "make .venv-worker/installed"
    install = "-m pip install --quiet --no-deps --no-index --force-reinstall"
    subprocess.run([PROGRAMS / "python", *install.split(), wheel], check=True)
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "photos").mkdir()
    for number in range(2):
        photo = encoded(photo_like(64, 96, seed=number))
        (folder / "photos" / f"{number}.png").write_bytes(photo)
    return folder


def run_installed(folder: Path, program: str, *arguments: str) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [PROGRAMS / program, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_packages_the_built_in_model_and_a_schema_alone(wheel):
    paths = [PurePosixPath(name) for name in zipfile.ZipFile(wheel).namelist()]
    code = [path for path in paths if not path.parts[0].endswith(".dist-info")]
    assert {path.parts[0] for path in code} == PACKAGES
    assert {str(path) for path in code if path.suffix != ".py"} == {
        "musiq_core/model_files/builtin.safetensors",
        "schemas/score_report.schema.json",
    }


def test_the_installed_program_scores_photos_from_another_folder(folder):
    told = run_installed(
        folder, "musiq", "score", "--input", "photos/", "--output", "ledger/", "--json"
    )
    assert json.loads(told)["counts"]["scored"] == 2
    code = (
        "import pipelines\n"
        "assert 'site-packages' in pipelines.__file__, pipelines.__file__\n"
        "table = pipelines.open_ledger('ledger').table(['musiq_builtin'])\n"
        "print(table.num_rows, table['musiq_builtin'].null_count)"
    )
    assert run_installed(folder, "python", "-c", code) == "2 0\n"


@pytest.mark.parametrize("command", ["musiq demo", "musiq-train"])
def test_the_installed_programs_have_help(folder, command):
    told = run_installed(folder, *command.split(), "--help")
    assert told.startswith(f"usage: {command}")
