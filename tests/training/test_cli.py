"""`musiq-train` answers at once, and says what it does not understand."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from helpers.run_musiq import ROOT
from helpers.run_training import run_training_here

from schemas.programs.command_line import parse_arguments
from training.cli import PROGRAMS, build_parser
from training.experiments import NAMES


def test_help_imports_nothing_heavy():
    code = (
        "import sys, training.cli\n"
        "training.cli.build_parser()\n"
        "heavy = {'jax', 'flax', 'numpy', 'tensorflow', 'orbax'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


_WITHOUT_TRAINING_PACKAGES = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "optax", "orbax", "etils"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from training.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--experiment", "tiny", "--data", "d", "--output", "o"],
        ["evaluate", "--model", "m", "--data", "d"],
        ["publish", "--run", "r", "--data", "d", "--output", "o", "--name", "n"],
        ["builtin", "--photos", "p", "--labelled", "l", "--output", "o"],
    ],
)
def test_without_the_training_packages_one_line_says_what_to_install(
    arguments, tmp_path
):
    def run(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", _WITHOUT_TRAINING_PACKAGES, *words]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True
        )

    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"musiq-train {arguments[0]}: error: ")
    assert line.endswith(" is not installed: pip install 'musiq[train]'")
    assert list(tmp_path.iterdir()) == []
    assert run(arguments[0], "--help").returncode == 0


@pytest.mark.parametrize("program", [one.name for one in PROGRAMS])
def test_every_program_has_help(program):
    done = run_training_here(program, "--help")
    assert done.code == 0
    assert f"usage: musiq-train {program}" in done.out


def test_help_names_the_experiments():
    assert ", ".join(NAMES[:3]) in run_training_here("run", "--help").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: PROGRAM"),
        (["runn"], "invalid choice: 'runn'"),
        (["run"], "required: --experiment, --data, --output"),
        (["run", "--exp", "koniq"], "unknown flag --exp"),
    ],
)
def test_a_wrong_command_is_told_in_one_line(arguments, message):
    done = run_training_here(*arguments)
    assert done.code == 2
    assert message in done.error


def test_every_command_of_the_readme_is_understood():
    readme = (ROOT / "training" / "README.md").read_text().replace("\\\n", " ")
    commands = re.findall(r'^(?: *|.*")(musiq-train [^"\n]*)', readme, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        words = shlex.split(command)[1:]
        _, engine = parse_arguments(build_parser(), words)
        assert not engine.words, command
