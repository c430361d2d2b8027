"""The published states of a ledger: which there are, what they say, and a new one."""

import contextlib
import dataclasses
import datetime
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.errors import ForeignTableError, LedgerFolderError
from pipelines.ledger.log import (
    newest_version,
    older,
    put_checkpoint_if_due,
    put_commit,
    read_commit,
    read_table_state,
)
from pipelines.ledger.old_manifests import newest_manifest_number, read_manifest
from pipelines.ledger.schema_version import schema_version
from pipelines.storage import StorageError, join, storage_for
from schemas.delta.actions import DeltaLogError
from schemas.delta.commits import FOLDER as LOG
from schemas.delta.commits import Commit, commit_name
from schemas.delta.manifests import (
    ForeignCommitError,
    commit_of,
    manifest_of,
    run_of,
)
from schemas.delta.state import after
from schemas.manifest import FOLDER as OLD_MANIFESTS
from schemas.manifest import Manifest, ManifestError

_FOLDERS = (LOG, OLD_MANIFESTS, "runs", "journal")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedState:
    """One published state of a ledger.

    Attributes:
      version: In the ledger's log, from 0; of a ledger that has no log yet, the number
        of its manifest, from 1.
      is_in_log: Whether the ledger has a log.
      manifest: What it says.
    """

    version: int
    is_in_log: bool
    manifest: Manifest

    @property
    def next_version(self) -> int:
        """The version that a run which goes on from this state commits."""
        return self.version + 1 if self.is_in_log else 0


def newest_state(ledger: str) -> PublishedState | None:
    """Return the newest state of a ledger, None if nothing was published yet.

    Args:
      ledger: The ledger's folder; it need not exist.

    Raises:
      LedgerFolderError: If it is damaged.
      LedgerVersionError: If a newer program wrote it.
      StorageError: If the folder cannot be listed.
    """
    version = newest_version(ledger)
    if version >= 0:
        return _in_log(ledger, version)
    number = newest_manifest_number(ledger)
    return _in_manifests(ledger, number) if number else None


def read_state(ledger: str, version: int) -> PublishedState:
    """Return a state of a ledger by its version.

    Raises:
      LedgerFolderError: If it is missing or damaged.
      LedgerVersionError: If a newer program wrote it.
      StorageError: If the folder cannot be listed.
    """
    newest = newest_version(ledger)
    if newest < 0 and newest_manifest_number(ledger):
        return _in_manifests(ledger, version)
    if not 0 <= version <= newest:
        told = f"0 to {newest}" if newest >= 0 else "none yet"
        raise LedgerFolderError(f"{ledger} has no version {version}; it has {told}")
    return _in_log(ledger, version)


def publish_state(
    ledger: str,
    version: int,
    manifest: Manifest,
    *,
    schema: pa.Schema,
    stats: Mapping[str, str],
) -> None:
    """Commit a version of a ledger's log; a retry by the same run changes nothing.

    Args:
      ledger: The ledger's folder.
      version: The one after the state that the run went on from.
      manifest: What is published.
      schema: The columns of its files.
      stats: Of each file by its path, as `file_stats` gives them.

    Raises:
      LedgerFolderError: If another run has published that version.
      StorageError: If it cannot be written.
    """
    if newest_version(ledger) < version:
        before = read_table_state(ledger, version - 1)
        commit = commit_of(
            manifest,
            before=before,
            schema=schema,
            stats=stats,
            published_at=datetime.datetime.now(datetime.UTC),
        )
        if put_commit(ledger, version, commit):
            put_checkpoint_if_due(ledger, after(before, commit))
            return
    if not is_published(ledger, version, manifest.run_id):
        raise LedgerFolderError(
            f"another run published {join(ledger, commit_name(version))} while this "
            f"one ran, so this one published nothing; its rows are kept in "
            f"runs/{manifest.run_id}. Run again"
        )


def is_published(ledger: str, version: int, run_id: str) -> bool:
    """Whether a version of a ledger was published by this very run.

    Raises:
      LedgerFolderError: If it cannot be read.
      StorageError: Likewise.
    """
    if newest_version(ledger) < version:
        return False
    return run_of(read_commit(ledger, version)) == run_id


def _in_log(ledger: str, version: int) -> PublishedState:
    uri = join(ledger, commit_name(version))
    try:
        made = _made_by(ledger, version)
        manifest = manifest_of(made, read_table_state(ledger, version))
    except ForeignCommitError as error:
        before = older(ledger, version)
        raise ForeignTableError(f"cannot read {uri}: {error}{before}") from error
    except (DeltaLogError, ManifestError) as error:
        raise LedgerFolderError(f"cannot read {uri}: {error}") from error
    _require_readable(ledger, manifest)
    return PublishedState(version=version, is_in_log=True, manifest=manifest)


def _made_by(ledger: str, version: int) -> Commit:
    """Return the commit that made a state; later ones may tell of other things."""
    commit = read_commit(ledger, version)
    while version and not commit.actions and run_of(commit) is None:
        version -= 1
        commit = read_commit(ledger, version)
    return commit


def _in_manifests(ledger: str, number: int) -> PublishedState:
    manifest = read_manifest(ledger, number)
    _require_readable(ledger, manifest)
    return PublishedState(version=number, is_in_log=False, manifest=manifest)


def _require_readable(ledger: str, manifest: Manifest) -> None:
    """Refuse a state whose rows this program cannot read.

    All files of a state are of one version, so one is looked at; if it is missing or
    damaged, reading it will tell.

    Raises:
      LedgerVersionError: If a newer program wrote it.
    """
    for file in manifest.files[:1]:
        uri = join(ledger, file.path)
        with contextlib.suppress(StorageError, OSError, pa.ArrowException):
            with storage_for(uri).open_read(uri) as stream:
                schema = pq.read_schema(stream)
            schema_version(schema, uri)


def require_no_other_folder(ledger: str) -> None:
    """Refuse a folder without a published state that holds other things than a ledger.

    Raises:
      LedgerFolderError: If it does; the message names one.
      StorageError: If it cannot be listed.
    """
    root = join(ledger, "")
    for found in storage_for(ledger).list(root):
        name = found.uri[len(root) :]
        if name.partition("/")[0] not in _FOLDERS:
            raise LedgerFolderError(
                f"{ledger} is not a ledger: it holds {name!r}; name an empty or new "
                "folder, or one that `musiq score` wrote"
            )
