"""Which of the files and members that an input names are tried, and which left out."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TypeVar

from pipelines.scoring.choosing.side_files import side_file_kind
from pipelines.storage.folders.name_patterns import NamePattern, alternatives_of

Named = TypeVar("Named")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What was asked of the choosing; each field is a flag.

    Attributes:
      include: Patterns of names; if there are any, only what one of them matches is
        tried.
      exclude: Patterns of names that are left out.
      ignore_case: Whether patterns match letters of either case.
      all_files: Whether side files in folders are tried like photos.
      follow_links: Whether links in a folder may lead out of it.
      limit: The first so many distinct images are tried; None tries all.
      sample: So many distinct images are tried, by a hash of their URIs.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignore_case: bool = False
    all_files: bool = False
    follow_links: bool = False
    limit: int | None = None
    sample: int | None = None

    def __post_init__(self):
        for name in ("limit", "sample"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be positive, got {value}")
        if self.limit and self.sample:
            raise ValueError("limit and sample exclude each other: give one of them")
        for name in ("include", "exclude"):
            for pattern in getattr(self, name):
                if not pattern.strip("/"):
                    raise ValueError(f"{name} {pattern!r} matches nothing")
                _ = NamePattern(pattern)

    @property
    def is_subset(self) -> bool:
        """Whether only some of the images are tried, to see how that goes."""
        return bool(self.limit or self.sample)

    @property
    def patterns(self) -> frozenset[str]:
        """All patterns, with their flags."""
        return frozenset(
            [
                *(f"--include {pattern}" for pattern in self.include),
                *(f"--exclude {pattern}" for pattern in self.exclude),
            ]
        )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PatternsMet:
    """Which patterns have matched something, in one listing.

    Attributes:
      patterns: With their flags, as `Choice.patterns` has them.
    """

    patterns: frozenset[str] = frozenset()


class Chooser:
    """Decides name by name, and knows which patterns have matched so far."""

    def __init__(self, choice: Choice, *, side_files_in: str | None = None):
        """Read the patterns.

        Args:
          choice: What was asked.
          side_files_in: The folder or glob that is listed, if side files are to be left
            out. A glob such as `*.mov` names them, and so does such a pattern.
        """
        self._include = _read(choice.include, "--include", choice.ignore_case)
        self._exclude = _read(choice.exclude, "--exclude", choice.ignore_case)
        self._unmet = self._include | self._exclude
        self._all = frozenset(self._unmet)
        self._leaves_side_files = side_files_in is not None and not choice.all_files
        named = [*choice.include, (side_files_in or "").rpartition("/")[2]]
        self._named_kinds = frozenset(
            side_file_kind(one) for pattern in named for one in alternatives_of(pattern)
        )

    @property
    def met(self) -> PatternsMet:
        """The patterns that have matched something."""
        return PatternsMet(patterns=self._all - self._unmet.keys())

    @property
    def leaves_none_out(self) -> bool:
        """Whether every name is tried."""
        return not self._all and not self._leaves_side_files

    def why_not(self, name: str) -> str | None:
        """Return why a file or member of this name is left out; None if it is tried."""
        for said in [s for s, one in self._unmet.items() if one.matches(name)]:
            del self._unmet[said]
        if kind := self.why_not_shard(name):
            return kind
        for said, pattern in self._exclude.items():
            if pattern.matches(name):
                return said
        if self._include and not any(p.matches(name) for p in self._include.values()):
            return "matched by no --include"
        return None

    def why_not_shard(self, name: str) -> str | None:
        """Return why a file of images is left out, whose members patterns are for."""
        if not self._leaves_side_files:
            return None
        kind = side_file_kind(name)
        return None if kind in self._named_kinds else kind


def _read(
    patterns: Iterable[str], flag: str, ignore_case: bool
) -> dict[str, NamePattern]:
    return {
        f"{flag} {pattern}": NamePattern(pattern, ignore_case=ignore_case)
        for pattern in patterns
    }


def up_to_limit(named: Iterator[Named], limit: int | None) -> Iterator[Named]:
    """Return what a listing gives, up to so many distinct images or shards.

    What has no URI, such as a count, is passed on.
    """
    return _first(named, limit) if limit else named


def _first(named: Iterator[Named], count: int) -> Iterator[Named]:
    seen: set[str] = set()
    for one in named:
        yield one
        if uri := getattr(one, "uri", None):
            seen.add(uri)
            if len(seen) == count:
                return
