"""Progress on stderr: how many shards are written, seen from the output alone."""

import contextlib
import sys
import threading
import time
from collections.abc import Collection, Iterator

from pipelines.storage import StorageError, storage_for

_INTERVAL_SECONDS = 10.0


@contextlib.contextmanager
def show_shards(output: str, files: Collection[str]) -> Iterator[None]:
    """Tell every ten seconds how many shards are written, until the block ends.

    Args:
      output: The folder of the shards; what an interrupted run has left there does not
        count.
      files: The names of all shards.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_show, args=(output, files, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def shards_line(done: int, total: int, seconds: float) -> str:
    """Return one line: shards written and the time left."""
    line = f"{done} of {total} shards written"
    return f"{line}, {(total - done) * seconds / done:.0f} s left" if done else line


def _show(output: str, files: Collection[str], stop: threading.Event) -> None:
    started = time.monotonic()
    before = _generations(output)
    while not stop.wait(_INTERVAL_SECONDS):
        now = _generations(output)
        done = sum(now.get(name) not in (None, before.get(name)) for name in files)
        line = shards_line(done, len(files), time.monotonic() - started)
        print(line, file=sys.stderr, flush=True)


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
