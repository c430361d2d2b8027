"""How all `musiq` programs treat their arguments."""

from schemas.arguments import (
    ArgumentParser,
    UsageError,
    accept_hyphens,
    flags_of,
    positive,
    printable,
    refuse_unknown,
    share,
)

__all__ = [
    "ArgumentParser",
    "UsageError",
    "accept_hyphens",
    "flags_of",
    "positive",
    "printable",
    "refuse_unknown",
    "share",
]
