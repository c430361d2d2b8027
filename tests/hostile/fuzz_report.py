"""What a run of a fuzzer found."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class FuzzReport:
    """What a run found.

    Attributes:
      seed: Where its files came from.
      outcomes: Cases by outcome, such as "patches", or the failure class.
      slowest_seconds: The longest that one case took.
      finding: What went wrong, with the saved file and how to repeat it; None if
        nothing did.
    """

    seed: int
    outcomes: Mapping[str, int]
    slowest_seconds: float
    finding: str | None = None

    @property
    def cases(self) -> int:
        """How many files were tried."""
        return sum(self.outcomes.values())


def save_finding(folder: Path, data: bytes, name: str) -> Path:
    """Write the file of a finding; its folder is made if there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path
