"""The arguments of `musiq prepare`; light, so that help answers at once."""

import argparse
import textwrap
from typing import Any

from pipelines.preparing.config import SPLIT_CHOICES
from pipelines.preparing.datasets import DATA_SETS
from schemas.programs import ArgumentParser, flags_of, positive

_EPILOG = """\
What must lie in --input for each DATASET (more in pipelines/preparing/README.md):

{expected}

The output holds ArrayRecord shards and, written last, dataset.json. The same input
gives the same bytes. Labelled images without a file, or that cannot be decoded, are
left out and counted.

Beam's own options (--runner, --temp_location, ...) are passed through.

Exit codes: 0 done, 1 failed, 2 wrong arguments or a release that cannot be prepared.

Example: musiq prepare koniq10k --input koniq10k/ --output prepared/koniq10k
"""


def add_program(programs: Any, name: str) -> None:
    """Add `musiq prepare` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="turn a labelled data set into shards for training",
        description="Turn a labelled data set, as it is released, into shards for "
        "`musiq-train`.",
        epilog=_EPILOG.format(expected="\n".join(map(_expected, DATA_SETS))),
    )
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        choices=list(DATA_SETS),
        help=f"one of {', '.join(DATA_SETS)}",
    )
    parser.add_argument(
        "--input",
        required=True,
        metavar="DIR",
        help="the folder of the release; on local disk, gs:// or s3://",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="the folder of the shards: new, empty, or the same data set again, which "
        "is compared then",
    )
    parser.add_argument(
        "--split",
        choices=SPLIT_CHOICES,
        default="release",
        help="release: the data set's own split, or a random one if it has none; "
        "random: 80 %% of the images (or groups of them) for train, the rest for test; "
        "train, validation or test: everything there (default: release)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="decides a random split (default: 0)",
    )
    parser.add_argument(
        "--scale",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="lowest and highest score that the column mos of a csv allows",
    )
    parser.add_argument(
        "--lower_is_better",
        action="store_true",
        help="the scores of a csv tell distortion, not quality",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="name on the card (default: DATASET; for csv the input folder's name)",
    )
    parser.add_argument(
        "--licence", metavar="TEXT", help="terms on the card (default: as known)"
    )
    parser.add_argument(
        "--examples_per_shard",
        type=positive(int),
        default=256,
        metavar="N",
        help="most examples of a shard; ImageNet has a shard for each of its files "
        "(default: 256)",
    )
    parser.add_argument(
        "--workers",
        type=positive(int),
        metavar="N",
        help="local worker processes of the embedded engine (default: the CPU cores)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the counts as JSON instead of lines"
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _expected(name: str) -> str:
    indent = " " * 12
    lines = textwrap.wrap(
        DATA_SETS[name].expects, 76, break_on_hyphens=False, break_long_words=False
    )
    return f"  {name:<9} " + f"\n{indent}".join(lines)


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.heavy_imports import before_heavy_imports

    before_heavy_imports()
    from pipelines.preparing import command

    return command.run(args, rest)
