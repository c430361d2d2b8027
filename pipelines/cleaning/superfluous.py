"""Which files of a ledger's folder no kept state needs, and no run that may go on."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.log import read_commit, read_table_state
from pipelines.storage import StoredObject, join, storage_for
from schemas.delta.actions import decoded_path
from schemas.delta.checkpoints import checkpoint_version
from schemas.delta.commits import FOLDER, commit_version
from schemas.delta.manifests import run_of
from schemas.delta.state import TableState, after

_LOG = f"{FOLDER}/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Superfluous:
    """What can be removed of a ledger.

    Attributes:
      first_kept: The oldest state that is kept.
      log: Commits and checkpoints before it, in the order of removal.
      files: Everything else that goes, after them.
      spared_runs: Runs that may be going on, whose files stay.
    """

    first_kept: TableState
    log: tuple[StoredObject, ...]
    files: tuple[StoredObject, ...]
    spared_runs: tuple[str, ...]


def find_superfluous(
    ledger: str, *, keep: int, changed_before: datetime.datetime
) -> Superfluous:
    """Return what can be removed.

    A run goes on from the state that is the newest when it writes down that it starts,
    and publishes nothing once there is a newer one: those that have started since the
    newest commit may be going on, however long ago that was.

    Args:
      ledger: The ledger's folder, with a log.
      keep: States to keep, newest first.
      changed_before: States that were the newest later than this are kept besides, for
        those who read them; and files changed later are spared. UTC.

    Raises:
      LedgerFolderError: If a kept state cannot be read, as nothing is certain then; or
        if the ledger has no log.
      StorageError: If the folder cannot be listed.
    """
    root = join(ledger, "")
    found = {one.uri[len(root) :]: one for one in storage_for(ledger).list(root)}
    commits = _in_log(found, commit_version)
    if not commits:
        raise LedgerFolderError(
            f"{ledger} has manifests of an older musiq and no log: run `musiq score` "
            "into it once, which begins one, and then clean it"
        )
    first_kept, needed = _kept(ledger, commits, keep, changed_before)
    newest = max(commits)
    going_on = _started_since(found, _changed_at(commits[newest]))
    going_on -= {run_of(read_commit(ledger, newest))}
    checkpoints = _in_log(found, checkpoint_version)
    return Superfluous(
        first_kept=first_kept,
        log=tuple(
            files[version]
            for files in (commits, checkpoints)
            for version in sorted(files)
            if version < first_kept.version
        ),
        files=tuple(
            one
            for name, one in found.items()
            if name not in needed
            and not name.startswith(_LOG)
            and not _belongs_to(name, going_on)
            and _changed_at(one) < changed_before
        ),
        spared_runs=tuple(sorted(going_on)),
    )


def _in_log(
    found: Mapping[str, StoredObject], version_of: Callable[[str], int | None]
) -> dict[int, StoredObject]:
    """Return the files of the log of one kind by their versions."""
    names = (name for name in found if name.startswith(_LOG))
    numbered = ((version_of(name[len(_LOG) :]), found[name]) for name in names)
    return {version: one for version, one in numbered if version is not None}


def _kept(
    ledger: str,
    commits: Mapping[int, StoredObject],
    keep: int,
    changed_before: datetime.datetime,
) -> tuple[TableState, set[str]]:
    """Return the oldest state that is kept, and the files of it and all later ones."""
    newest = max(commits)
    superseded_late = (
        version - 1
        for version, commit in commits.items()
        if _changed_at(commit) >= changed_before and version - 1 in commits
    )
    first = max(min(commits), min([newest - keep + 1, *superseded_late]))
    first_kept = state = read_table_state(ledger, first)
    needed = set(state.files)
    for version in range(first + 1, newest + 1):
        state = after(state, read_commit(ledger, version))
        needed |= state.files.keys()
    return first_kept, set(map(decoded_path, needed))


def _started_since(
    found: Mapping[str, StoredObject], time: datetime.datetime
) -> set[str]:
    """Return the runs that wrote down that they start at a time of the store or later.

    Some stores tell no more than seconds.
    """
    names = ((name.split("/"), one) for name, one in found.items())
    return {
        parts[1]
        for parts, one in names
        if parts[0] == "runs" and parts[2:] == ["run.json"] and _changed_at(one) >= time
    }


def _belongs_to(name: str, going_on: set[str]) -> bool:
    """Whether a file is one of these runs', to which all finished rows may belong."""
    folder, _, rest = name.partition("/")
    if folder == "journal":
        return bool(going_on)
    return folder == "runs" and rest.partition("/")[0] in going_on


def _changed_at(found: StoredObject) -> datetime.datetime:
    """Return when a file changed last; one of which that is not known has just now."""
    return found.modified_at or datetime.datetime.now(datetime.UTC)
