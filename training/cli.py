"""The `musiq-train` command."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Say that this version has no training program, and return 2.

    Args:
      argv: Ignored.
    """
    del argv
    print(
        "musiq-train: error: this version scores only; training comes with a later "
        "version. Published checkpoints are brought in by `musiq models import`",
        file=sys.stderr,
    )
    return 2
