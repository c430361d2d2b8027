"""`musiq-train` answers at once, and says what it does not understand."""

import re
import shlex
import subprocess
import sys

import pytest
from helpers.run_musiq import ROOT
from helpers.run_training import run_training_here

from schemas.programs import accept_hyphens
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


@pytest.mark.parametrize("program", PROGRAMS)
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
        (["run", "--exp", "koniq"], "required: --experiment"),
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
        args, rest = build_parser().parse_known_args(accept_hyphens(words))
        assert not rest, command
        assert args.program in PROGRAMS
