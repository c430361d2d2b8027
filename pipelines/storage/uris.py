"""URIs of images: local paths, gs:// and s3:// names, always literal."""

import os
import re
import urllib.parse

from pipelines.storage.errors import NameRefused
from schemas.failures import Failure

# The schemes of object stores, and what other programs call them.
_OBJECT_STORES = {"gs": "gs", "gcs": "gs", "s3": "s3", "s3a": "s3", "s3n": "s3"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def scheme_of(uri: str) -> str:
    """Return the scheme before "://" in lower case, "" for a plain path."""
    match = _SCHEME.match(uri) if "://" in uri else None
    return match[1].lower() if match else ""


def is_local(uri: str) -> bool:
    """Whether a URI names a file of this machine."""
    return scheme_of(uri) not in _OBJECT_STORES


def join(folder: str, name: str) -> str:
    """Return the URI of `name`, a relative path with slashes, below a folder."""
    return f"{folder.rstrip('/')}/{name}"


def resolve(text: str, *, base: str | None) -> str:
    """Return the URI that a text in an argument, list or manifest means.

    Args:
      text: An absolute or relative local path, a file:// URI, or a gs:// or
        s3:// name, which may also be spelled gcs://, s3a:// or s3n://.
      base: Folder URI that relative names are relative to; None means the current
        folder, and that the text comes from the command line.

    Returns:
      A gs:// or s3:// name, or a local URI as `uri_of_path` makes them.

    Raises:
      NameRefused: `unsafe_name` for names that no store can hold, `forbidden_uri` for
        other schemes, and for local files named by a list in an object store.
    """
    if not text:
        raise NameRefused(Failure.UNSAFE_NAME, "the name is empty")
    base_is_remote = base is not None and scheme_of(base) in _OBJECT_STORES
    scheme = scheme_of(text)
    if scheme in _OBJECT_STORES:
        return _require_storable(_OBJECT_STORES[scheme] + text[len(scheme) :])
    if scheme not in ("", "file"):
        raise NameRefused(
            Failure.FORBIDDEN_URI,
            f"{scheme}:// is not read; local paths, file://, gs:// and s3:// are",
        )
    if base_is_remote and (scheme == "file" or text.startswith("/")):
        raise NameRefused(
            Failure.FORBIDDEN_URI, "a list in an object store names a local file"
        )
    if scheme == "file":
        host, slash, rest = text[len("file://") :].partition("/")
        if host not in ("", "localhost") or not slash:
            raise NameRefused(
                Failure.FORBIDDEN_URI, "file:// must name a file of this machine"
            )
        text = f"file:///{rest}"
    if base_is_remote:
        return _require_storable(join(base or "", text))
    try:
        path = path_of_uri(text)
    except UnicodeEncodeError as error:
        raise NameRefused(Failure.UNSAFE_NAME, "the name is not text") from error
    if b"\0" in path:
        raise NameRefused(Failure.UNSAFE_NAME, "the name has a NUL")
    folder = path_of_uri(base) if base else os.getcwdb()
    keeps_slash = path.endswith(b"/")
    resolved = os.path.normpath(os.path.join(folder, path))
    resolved = b"/" + resolved.lstrip(b"/")  # normpath keeps two leading slashes
    return uri_of_path(
        resolved + b"/" if keeps_slash and resolved != b"/" else resolved
    )


def without_secrets(uri: str) -> str:
    """Return a URI that is not read, without its user, query and fragment."""
    scheme, slashes, rest = uri.partition("://")
    if not slashes:
        return uri
    authority, slash, path = re.split("[?#;]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}"


def uri_of_path(path: bytes) -> str:
    """Return the URI of a local path.

    It is the path itself where that is UTF-8 and does not look like a URI, else file://
    with percent-encoded bytes. `path_of_uri` takes either back.
    """
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is None or scheme_of(text):
        return "file://" + urllib.parse.quote_from_bytes(path)
    return text


def path_of_uri(uri: str) -> bytes:
    """Return the local path that a plain path or file:// URI names."""
    if scheme_of(uri) == "file":
        return urllib.parse.unquote_to_bytes(uri[len("file://") :])
    return uri.encode("utf-8", "surrogateescape")


def _require_storable(uri: str) -> str:
    """Refuse a URI that cannot be an object's, and return any other."""
    if "\0" in uri:
        raise NameRefused(Failure.UNSAFE_NAME, "the name has a NUL")
    try:
        uri.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NameRefused(
            Failure.UNSAFE_NAME,
            "the name is not UTF-8, as names in an object store must be",
        ) from error
    return uri
