"""Commands answer at once, and every command that the README prints is understood."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.run_musiq import run_musiq

from pipelines.cli import build_parser
from schemas.programs import accept_hyphens

ROOT = Path(__file__).parents[2]


def test_help_imports_nothing_heavy():
    code = (
        "import sys, pipelines.cli\n"
        "pipelines.cli.build_parser()\n"
        "heavy = {'jax', 'apache_beam', 'numpy', 'pyarrow', 'rich', 'PIL'}\n"
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


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if "musiq " in line]


def test_the_readme_prints_commands():
    assert len([c for c in readme_commands() if c.startswith("musiq ")]) >= 6


@pytest.mark.parametrize(
    "command", [c for c in readme_commands() if c.startswith("musiq ")]
)
def test_every_musiq_command_of_the_readme_is_understood(command):
    arguments = shlex.split(command, comments=True)[1:]
    _, rest = build_parser().parse_known_args(arguments)
    assert rest == []


def test_every_make_target_of_the_readme_exists():
    text = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))
    assert {"install", "score", "test", "lint", "bench"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_a_scoring_install_brings_no_training_packages():
    lock = (ROOT / "requirements.lock").read_text()
    assert "tensorflow" not in lock
    assert re.search(r"^apache-beam==", lock, re.MULTILINE)
    pinned = re.findall(r"^[a-z].*$", lock, re.MULTILINE)
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)
