"""How many shards are written, seen from the output alone."""

from collections.abc import Callable, Collection

from pipelines.progress import Progress, Wording
from pipelines.storage import StorageError, storage_for

WORDING = Wording(first="planning", unit="shards", finished="written")


def shard_counter(output: str, files: Collection[str]) -> Callable[[], Progress]:
    """Return a function that counts the shards written since now.

    Args:
      output: The folder of the shards; what an interrupted run has left there does not
        count.
      files: The names of all shards.
    """
    before = _generations(output)

    def count() -> Progress:
        now = _generations(output)
        done = sum(now.get(name) not in (None, before.get(name)) for name in files)
        return Progress(total=len(files), done=done)

    return count


def _generations(output: str) -> dict[str, str]:
    """Return the version of every file there; nothing if it cannot be listed."""
    folder = output.rstrip("/") + "/"
    try:
        return {
            found.uri[len(folder) :]: found.generation
            for found in storage_for(folder).list(folder)
        }
    except StorageError:
        return {}
