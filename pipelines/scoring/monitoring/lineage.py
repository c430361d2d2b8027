"""Where a run's data comes from and goes to, in Beam's own lineage metrics.

Names are those of Google's data catalogue (`gcs:bucket.photos/`), as Beam's own
connectors tell them. Inputs are told, not the images in them.
"""

import re

from apache_beam.metrics.metric import Lineage

from pipelines.scoring.input import Input, InputKind
from pipelines.storage.uris import scheme_of

_SYSTEMS = {"gs": "gcs", "s3": "s3"}
_PATTERNS = (InputKind.GLOB, InputKind.NUMBERED)


def tell_source(one: Input) -> None:
    """Tell Beam of an input; of a pattern, the folder that it begins with."""
    uri = one.uri
    if one.kind in _PATTERNS or (one.is_many and not uri.endswith("/")):
        fixed = re.split(r"[*?\[{]", uri, maxsplit=1)[0]
        uri = fixed[: fixed.rfind("/") + 1]
    Lineage.sources().add(*lineage_name(uri), last_segment_sep="/")


def tell_sink(ledger: str) -> None:
    """Tell Beam of the ledger that was published."""
    Lineage.sinks().add(*lineage_name(f"{ledger.rstrip('/')}/"), last_segment_sep="/")


def lineage_name(uri: str) -> tuple[str, ...]:
    """Return the system, and what it calls a URI: bucket and name, or host and path."""
    system = _SYSTEMS.get(scheme_of(uri))
    if system is None:
        return "filesystem", "localhost", uri
    bucket, _, name = uri.partition("://")[2].partition("/")
    return (system, bucket, name) if name else (system, bucket)
