"""`musiq`, but in slices of as many images as REFS_AT_ONCE says."""

import os
import sys

from pipelines.engines.heavy_imports import before_heavy_imports

VARIABLE = "REFS_AT_ONCE"


def make_slices_small() -> None:
    """Make the runs of this process so, if the variable is set."""
    from pipelines.scoring import command

    if most := os.environ.get(VARIABLE):
        command.REFS_AT_ONCE = command.IMAGES_PER_SLICE = int(most)


def main() -> int:
    """Run the command."""
    before_heavy_imports()
    from pipelines import cli

    make_slices_small()
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
