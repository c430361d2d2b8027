"""One commit of a Delta log: a file of JSON lines, an action each."""

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from schemas.delta.actions import (
    KINDS,
    Action,
    DeltaLogError,
    from_fields,
    to_fields,
)

FOLDER = "_delta_log"
_DIGITS = 20
_INFO = "commitInfo"
_COUNT = "musiq_actions"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Commit:
    """What one commit changes.

    Attributes:
      info: Who committed what, for people and for the program that did; no part of
        the state.
      actions: In the order of the file; no two of them name one file.
    """

    info: dict[str, Any]
    actions: tuple[Action, ...]

    def to_json(self) -> bytes:
        """Return the commit's file; the same commit gives the same bytes.

        The first line counts the others, so that a file cut between two is known.
        """
        info = self.info | {_COUNT: len(self.actions)}
        named = [(_INFO, info), *map(to_fields, self.actions)]
        lines = (json.dumps({name: fields}, sort_keys=True) for name, fields in named)
        return "".join(f"{line}\n" for line in lines).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Commit":
        """Read a commit; actions that change nothing of a ledger are passed over.

        Raises:
          DeltaLogError: If it is damaged; the message names the line.
        """
        info: dict[str, Any] = {}
        actions: list[Action] = []
        found = 0
        # Text may hold separators of lines that JSON has not.
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                for name, fields in _object(line).items():
                    found += name != _INFO
                    if name == _INFO:
                        info = dict(fields)
                    elif name in KINDS:
                        actions.append(from_fields(name, fields))
            except ValueError as error:
                raise DeltaLogError(f"line {number}: {error}") from error
        if not info and not actions:
            raise DeltaLogError("it is empty")
        if (count := info.pop(_COUNT, found)) != found:
            raise DeltaLogError(f"it has {found} of {count} actions: it was cut")
        return cls(info=info, actions=tuple(actions))


def commit_name(version: int) -> str:
    """Return the path of commit `version` below the table's folder."""
    return f"{FOLDER}/{version:0{_DIGITS}d}.json"


def commit_version(name: str) -> int | None:
    """Return the version in the name of a file of the log, None if it is no commit."""
    stem, _, suffix = name.partition(".")
    is_commit = suffix == "json" and len(stem) == _DIGITS
    return int(stem) if is_commit and stem.isascii() and stem.isdecimal() else None


def _object(line: bytes) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DeltaLogError("no JSON, or only the beginning of it") from error
    if not isinstance(found, dict):
        raise DeltaLogError("no JSON object")
    fields = typing.cast(dict[str, Any], found)
    if not all(isinstance(value, dict) for value in fields.values()):
        raise DeltaLogError("an action without fields")
    return fields
