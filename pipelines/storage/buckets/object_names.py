"""Names of objects in buckets, the same for gs:// and s3://."""

import re

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NAME_MAX_BYTES = 1024


class BadNameError(ValueError):
    """No object can have this name; the message says why."""


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and object name, "" if there is none; nothing is unescaped.

    Raises:
      BadNameError: If no bucket or object can have this name.
    """
    bucket, _, name = uri.partition("://")[2].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise BadNameError("no bucket can have this name")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise BadNameError("the name is not UTF-8") from error
    if length > _NAME_MAX_BYTES:
        raise BadNameError(f"the name is longer than {_NAME_MAX_BYTES} bytes")
    return bucket, name


def split_object_uri(uri: str) -> tuple[str, str]:
    """Return bucket and object name.

    Raises:
      BadNameError: If no object can have this name.
    """
    bucket, name = split_uri(uri)
    if name in ("", ".", ".."):
        raise BadNameError("no object can have this name")
    return bucket, name
