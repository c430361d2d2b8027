"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from pipelines.scoring.progress import read_progress

_TERMINAL_INTERVAL_SECONDS = 0.5
_PLAIN_INTERVAL_SECONDS = 10.0


@contextlib.contextmanager
def show_progress(folder: str) -> Iterator[None]:
    """Show the counts in a run's progress folder until the block ends."""
    stop = threading.Event()
    show = _show_bar if sys.stderr.isatty() else _show_lines
    thread = threading.Thread(target=show, args=(folder, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def progress_line(done: int, failed: int, total: int, seconds_scoring: float) -> str:
    """Return one plain line: images done, failures, rate and time left."""
    if not total:
        return "listing inputs"
    line = f"{done} of {total} images done, {failed} failed"
    if not done or not seconds_scoring:
        return line
    rate = done / seconds_scoring
    return f"{line}, {rate:.1f} images/s, {(total - done) / rate:.0f} s left"


def _show_lines(folder: str, stop: threading.Event) -> None:
    first_done = None
    while not stop.wait(_PLAIN_INTERVAL_SECONDS):
        progress = read_progress(folder)
        if first_done is None and progress.done:
            first_done = time.monotonic() - _PLAIN_INTERVAL_SECONDS
        seconds = time.monotonic() - first_done if first_done else 0.0
        line = progress_line(progress.done, progress.failed, progress.planned, seconds)
        print(line, file=sys.stderr, flush=True)


def _show_bar(folder: str, stop: threading.Event) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} {task.fields[failures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("listing inputs", total=None, rate="", failures="")
        while not stop.wait(_TERMINAL_INTERVAL_SECONDS):
            progress = read_progress(folder)
            if not progress.planned:
                continue
            speed = bar.tasks[0].speed
            bar.update(
                task,
                description="scoring",
                total=progress.planned,
                completed=progress.done,
                rate=f"{speed:.1f} images/s" if speed else "",
                failures=f"{progress.failed} failed",
            )
