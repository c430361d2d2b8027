"""What a commit says of a published state; in old ledgers a file of its own says it."""

import dataclasses
import json
from typing import Any

from schemas.errors import MusiqError
from schemas.left_out import LeftOut
from schemas.plain import PlainError, from_plain

FORMAT_VERSION = 2
_FORMAT = "musiq-manifest/"
FOLDER = "_manifests"


class ManifestError(MusiqError, ValueError):
    """A manifest that cannot be read or whose counts do not add up."""


class CountsError(ManifestError):
    """Inputs or rows were lost on their way: the counts do not add up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """How many inputs there were and what became of them.

    Attributes:
      named: Inputs that the listing named, repeats and what was left out included.
      duplicates: Repeats among them.
      listed: Distinct inputs.
      scored: Rows with scores made by this run.
      failed: Rows with a failure made by this run.
      carried_over: Rows of listed inputs taken over from the ledger as last published.
      vanished: Rows taken over besides, whose inputs are no longer named.
      dropped: Rows of such inputs that are not in this state.
      left_out: Named inputs that were left out on purpose.
    """

    named: int
    duplicates: int
    listed: int
    scored: int
    failed: int
    carried_over: int = 0
    vanished: int = 0
    dropped: int = 0
    left_out: int = 0

    def __post_init__(self):
        done = self.scored + self.failed + self.carried_over
        named = self.listed + self.duplicates + self.left_out
        if self.listed != done or self.named != named:
            raise CountsError(
                "the counts do not add up, so nothing was published: "
                f"listed {self.listed} must be scored {self.scored} + failed "
                f"{self.failed} + carried over {self.carried_over}, and listed + "
                f"duplicates {self.duplicates} + left out {self.left_out} must be "
                f"named {self.named}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LedgerFile:
    """One Parquet file of the ledger.

    Attributes:
      path: Below the ledger's folder, with forward slashes.
      shard: Its number; the URI of a row decides its shard.
      rows: Rows in it.
      size_bytes: Its size.
      sha256: Digest of its bytes.
    """

    path: str
    shard: int
    rows: int
    size_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """One published state of a ledger.

    Attributes:
      run_id: The run that published it; the rows that it wrote lie in `runs/<run_id>`.
      created_at: When the run started, ISO 8601, UTC.
      counts: The accounting identity, checked at construction.
      failures: Rows of this state by failure class, vanished ones included.
      shard_count: Shards that the rows are divided into, a power of two.
      files: Every file of this state; shards without rows have none.
      models: Card and digest of each scoring model by name.
      settings: Everything else that can change a score.
      versions: Versions of the packages that decode and compute.
      score_quantiles: Quantiles of each model's scores in this state:
        `{model: {"0.5": value}}`.
      asked: What the run was asked for, by the names of its flags, as a configuration
        file has it; empty for a run that did not write it down.
      left_out: What was left out on purpose, by reason; `counts` has the sum.
      unmatched: Patterns of --include and --exclude that matched nothing.
      renamed: Carried columns whose own names the ledger could not take, and what
        they are called in it.
      not_carried: Columns of the inputs that do not travel, by name, with their type.
    """

    run_id: str
    created_at: str
    counts: Counts
    failures: dict[str, int]
    shard_count: int
    files: tuple[LedgerFile, ...]
    models: dict[str, dict[str, Any]]
    settings: dict[str, Any]
    versions: dict[str, str]
    score_quantiles: dict[str, dict[str, float]]
    asked: dict[str, Any] = dataclasses.field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    unmatched: tuple[str, ...] = ()
    renamed: dict[str, str] = dataclasses.field(default_factory=dict)
    not_carried: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        left_out = sum(one.count for one in self.left_out)
        if left_out != self.counts.left_out:
            raise CountsError(
                f"the counts do not add up: {self.counts.left_out} inputs were left "
                f"out, but the reasons are told of {left_out}"
            )

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Read a manifest of this version or an older one, whose fields it has.

        Raises:
          ManifestError: If it is damaged, of a newer or another format, or does not add
            up.
        """
        try:
            fields = json.loads(data)
            found = fields.pop("format")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise ManifestError(
                "not a manifest: no JSON object with a format"
            ) from error
        _require_readable(found)
        try:
            return from_plain(cls, fields)
        except PlainError as error:
            raise ManifestError(f"damaged manifest: {error}") from error


def _require_readable(found: object) -> None:
    """Refuse what this program cannot read.

    Raises:
      ManifestError: If a newer program wrote it, or it is something else.
    """
    version = str(found).removeprefix(_FORMAT)
    if not str(found).startswith(_FORMAT) or not version.isdecimal():
        raise ManifestError(f"{found!r} is no format of a manifest")
    if int(version) > FORMAT_VERSION:
        raise ManifestError(
            f"manifest format {found!r} is newer than {_FORMAT}{FORMAT_VERSION}, which "
            "this musiq reads: install a newer musiq"
        )


def manifest_name(number: int) -> str:
    """Return the path of manifest `number` below the ledger's folder."""
    return f"{FOLDER}/{number:08d}.json"


def manifest_number(name: str) -> int | None:
    """Return the number in a manifest's file name, None for any other file."""
    stem, dot, suffix = name.rpartition(".")
    is_manifest = dot and suffix == "json" and len(stem) == 8 and stem.isdecimal()
    return int(stem) if is_manifest else None
