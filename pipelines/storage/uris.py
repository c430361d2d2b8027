"""URIs of images: plain local paths and gs:// names, always literal."""

import os
import urllib.parse

from schemas.failures import Failure, ImageFailure

_OBJECT_STORES = ("gs",)


def scheme_of(uri: str) -> str:
    """Return the scheme before "://" in lower case, "" for a plain path."""
    scheme, separator, _ = uri.partition("://")
    is_scheme = separator and scheme.isascii() and scheme.isalnum()
    return scheme.lower() if is_scheme else ""


def join(folder: str, name: str) -> str:
    """Return the URI of `name`, a relative path with slashes, below a folder."""
    return f"{folder.rstrip('/')}/{name}"


def resolve(text: str, *, base: str | None) -> str:
    """Return the URI that a text in an argument, list or manifest means.

    Args:
      text: An absolute or relative local path, a file:// URI or a gs:// name.
      base: Folder URI that relative names are relative to; None means the current
        folder, and that the text comes from the command line.

    Returns:
      A gs:// name or a local URI as `uri_of_path` makes them.

    Raises:
      ImageFailure: `unsafe_name` for names that no store can hold, `forbidden_uri` for
        other schemes, and for local files named by a list in an object store.
    """
    if not text or "\0" in text:
        raise ImageFailure(
            Failure.UNSAFE_NAME,
            "the name is empty" if not text else "the name has a NUL",
        )
    base_is_remote = base is not None and scheme_of(base) in _OBJECT_STORES
    scheme = scheme_of(text)
    if scheme in _OBJECT_STORES:
        return text
    if scheme not in ("", "file"):
        raise ImageFailure(
            Failure.FORBIDDEN_URI,
            f"{scheme}:// is not read; local paths, file:// and gs:// are",
        )
    if base_is_remote and (scheme == "file" or text.startswith("/")):
        raise ImageFailure(
            Failure.FORBIDDEN_URI, "a list in an object store names a local file"
        )
    if base_is_remote:
        return join(base or "", text)
    folder = path_of_uri(base) if base else os.fsencode(os.getcwd())
    path = path_of_uri(text)
    keeps_slash = path.endswith(b"/")
    resolved = os.path.normpath(os.path.join(folder, path))
    return uri_of_path(
        resolved + b"/" if keeps_slash and resolved != b"/" else resolved
    )


def uri_of_path(path: bytes) -> str:
    """Return the URI of a local path.

    It is the path itself where that is UTF-8 and does not look like a URI, else file://
    with percent-encoded bytes. `path_of_uri` takes either back.
    """
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return "file://" + urllib.parse.quote_from_bytes(path)
    return text


def path_of_uri(uri: str) -> bytes:
    """Return the local path that a plain path or file:// URI names."""
    if scheme_of(uri) == "file":
        return urllib.parse.unquote_to_bytes(uri[len("file://") :])
    return os.fsencode(uri)
