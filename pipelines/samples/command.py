"""`musiq demo`: from nothing to a table of scores."""

import argparse
import importlib.metadata
import sys
from pathlib import Path

from pipelines.ledger.reader import open_ledger
from pipelines.samples.make_samples import PACKAGE, make_samples
from pipelines.samples.show_scores import show_scores
from pipelines.scoring.arguments import add_program
from schemas.errors import UsageError
from schemas.programs import ArgumentParser, refuse_unknown


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Make, score and show the sample photos; return the exit code of scoring."""
    refuse_unknown("musiq demo", rest, args.flags)
    try:
        photos = make_samples(Path(args.photos))
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError(
            f"the sample photos come inside {PACKAGE}, which is not installed; "
            f"`make score` installs it, and so does: pip install --no-deps {PACKAGE}"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot write --photos {args.photos}: {error}") from error
    print(f"wrote {len(photos)} sample photos to {args.photos}", file=sys.stderr)
    code = _score(args)
    if code == 0:
        show_scores(open_ledger(args.output))
        print(
            "These photos lie in "
            f"{args.photos}, their scores in {args.output}.\n"
            "Your own photos: musiq score --input photos/ --output ledger/\n"
            f"In Python: pipelines.open_ledger({args.output!r}).table()"
        )
    return code


def _score(args: argparse.Namespace) -> int:
    """Score the photos as `musiq score` does."""
    parser = ArgumentParser(prog="musiq")
    add_program(parser.add_subparsers(), "score")
    told = ("--input", args.photos, "--output", args.output, "--model", args.model)
    score = parser.parse_args(["score", *told])
    return score.run(score, [])
