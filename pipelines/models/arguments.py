"""The arguments of `musiq models`; light, so that help answers at once."""

import argparse
from typing import Any

from schemas.programs import ArgumentParser, flags_of

_EPILOG = """\
Example: musiq models import koniq_ckpt.npz --dataset koniq \\
           --output koniq.safetensors
"""


def add_program(programs: Any, name: str) -> None:
    """Add `musiq models import` and `musiq models inspect` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="import published checkpoints, inspect model files",
        description="Import the published MUSIQ checkpoints and inspect model files.",
        epilog=_EPILOG,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    importing: ArgumentParser = actions.add_parser(
        "import",
        help="turn a published .npz checkpoint into a model file",
        description="Turn a published .npz checkpoint into a .safetensors model file "
        "with a model card.",
        epilog=_EPILOG,
    )
    importing.add_argument("file", metavar="FILE.npz", help="the published checkpoint")
    importing.add_argument(
        "--dataset",
        required=True,
        metavar="NAME",
        help="the data set it was fine-tuned on: ava, koniq, paq2piq or spaq; it "
        "decides the score's range and the model's name",
    )
    importing.add_argument(
        "--output", required=True, metavar="FILE", help="the .safetensors to write"
    )

    inspecting: ArgumentParser = actions.add_parser(
        "inspect",
        help="verify a model file and print its card",
        description="Verify a model file and print its card and digest.",
        epilog="Example: musiq models inspect koniq.safetensors",
    )
    inspecting.add_argument(
        "file",
        metavar="FILE",
        help="a .safetensors model file, FOLDER@latest or FOLDER@VERSION, or `builtin`",
    )
    inspecting.add_argument(
        "--json", action="store_true", help="print JSON instead of a table"
    )
    for action in (importing, inspecting):
        action.set_defaults(run=_run, flags=flags_of(action))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.models import command

    return command.run(args, rest)
