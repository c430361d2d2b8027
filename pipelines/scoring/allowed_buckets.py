"""Which buckets a list may name: those that the command itself names, and no others.

A list may come from elsewhere. Without this rule it could make the job read, with the
job's own rights, whatever else the account can see.
"""

from collections.abc import Collection, Iterable

from pipelines.storage import NameRefused
from pipelines.storage.uris import scheme_of
from schemas.failures import Failure


def buckets_of(uris: Iterable[str]) -> frozenset[str]:
    """Return the buckets of URIs, such as "gs://photos/"; local paths have none."""
    return frozenset(bucket for uri in uris if (bucket := _bucket_of(uri)) is not None)


def require_allowed(uri: str, allowed: Collection[str]) -> str:
    """Return a URI that a list names, unless its bucket is not allowed.

    Raises:
      NameRefused: `forbidden_uri`, with the flag that would allow it.
    """
    bucket = _bucket_of(uri)
    if bucket is not None and bucket not in allowed:
        raise NameRefused(
            Failure.FORBIDDEN_URI,
            f"a list names the bucket {bucket}, which neither --input nor --output "
            f"does; --allow_bucket {bucket} would allow it",
        )
    return uri


def _bucket_of(uri: str) -> str | None:
    if scheme_of(uri) in ("", "file"):
        return None
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"
