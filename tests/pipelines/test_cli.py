"""Commands answer at once, and say what they do not understand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.run_musiq import run_musiq

from schemas.programs.command_line import accept_hyphens

ROOT = Path(__file__).parents[2]


def test_help_imports_nothing_heavy():
    code = (
        "import sys, pipelines.cli\n"
        "pipelines.cli.build_parser()\n"
        "heavy = {'jax', 'apache_beam', 'numpy', 'pyarrow', 'rich', 'PIL', 'duckdb'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    "program",
    [
        "",
        "score",
        "select",
        "verify",
        "clean",
        "demo",
        "models",
        "models import",
        "models inspect",
    ],
)
def test_every_help_ends_with_an_example(program):
    outcome = run_musiq(*program.split(), "--help")
    assert outcome.code == 0
    assert "Example: musiq " in outcome.out
    assert outcome.err == ""


def test_hyphens_and_underscores_are_one():
    arguments = ["--uri-column=a-b", "--max-pixels", "--", "a-b", "-x"]
    assert accept_hyphens(arguments) == [
        *("--uri_column=a-b", "--max_pixels", "--", "a-b", "-x")
    ]


def test_flags_are_not_abbreviated():
    outcome = run_musiq("score", "--inp", "x", "--output", "y", "--model", "m")
    assert outcome.code == 2


def test_a_scoring_install_brings_no_training_packages():
    lock = (ROOT / "requirements.lock").read_text()
    assert "tensorflow" not in lock
    assert re.search(r"^apache-beam==", lock, re.MULTILINE)
    pinned = re.findall(r"^[a-z].*$", lock, re.MULTILINE)
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)
