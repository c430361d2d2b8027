"""Points of a run at which its process dies: before, amid or after a step of storage.

The product has no hooks for this: `arm` wraps the store of the process it is called in.
"""

import dataclasses
import itertools
import os
from collections.abc import Callable
from typing import Literal

from pipelines.storage.local import LocalStorage

_VARIABLE = "KILL_POINT"

Step = Literal["run.json", "journal", "shard", "commit", "journal-deletion"]
Moment = Literal["before", "amid", "after"]


@dataclasses.dataclass(frozen=True)
class KillPoint:
    """One point of a run.

    Attributes:
      moment: "amid" a write, the temporary file is there, but only half of it.
      step: What is written or deleted.
      nth: Which of these steps in the process, from 1.
    """

    moment: Moment
    step: Step
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.moment} {self.step} {self.nth}"

    @property
    def is_after_publication(self) -> bool:
        """Whether a reader sees the run's rows by then."""
        return self.step == "journal-deletion" or (
            (self.step, self.moment) == ("commit", "after")
        )

    def to_environment(self) -> dict[str, str]:
        """What tells another process of this point."""
        return {_VARIABLE: str(self)}

    @classmethod
    def from_environment(cls) -> "KillPoint":
        moment, step, nth = os.environ[_VARIABLE].split()
        return cls(moment, step, int(nth))  # pyright: ignore[reportArgumentType]


def arm(
    point: KillPoint,
    kill: Callable[[], None],
    *,
    may_kill: Callable[[], bool] = lambda: True,
) -> None:
    """Make this process call `kill` when it reaches a point of its run, if it may."""
    calls = itertools.count(1)
    half_written = _cut_short(kill)

    def wrap(method: str) -> None:
        plain = getattr(LocalStorage, method)

        def wrapped(store, uri, *data):
            is_reached = (
                _step_of(uri, is_deletion=method == "delete") == point.step
                and next(calls) == point.nth
                and may_kill()
            )
            if is_reached and point.moment == "before":
                kill()
            if is_reached and point.moment == "amid":
                half_written.add(os.path.dirname(uri))
            result = plain(store, uri, *data)
            if is_reached and point.moment == "after":
                kill()
            return result

        setattr(LocalStorage, method, wrapped)

    for method in ("write", "write_if_absent", "delete"):
        wrap(method)


def _step_of(uri: str, *, is_deletion: bool) -> Step | None:
    if "/journal/" in uri:
        return "journal-deletion" if is_deletion else "journal"
    if is_deletion:
        return None
    if uri.endswith("/run.json"):
        return "run.json"
    return "commit" if "/_delta_log/" in uri else "shard"


def _cut_short(kill: Callable[[], None]) -> set[str]:
    """Return a set: files written into the folders in it are cut short."""
    folders: set[str] = set()

    def wrap(name: str) -> None:
        plain = getattr(os, name)

        def wrapped(source, target, **options):
            if os.path.dirname(os.fsdecode(target)) in folders:
                os.truncate(source, os.path.getsize(source) // 2)
                kill()
            return plain(source, target, **options)

        setattr(os, name, wrapped)

    for name in ("replace", "link"):
        wrap(name)
    return folders
