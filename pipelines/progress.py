"""Progress of a job on stderr: a bar on a terminal, plain lines elsewhere."""

import contextlib
import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator

from rich import progress as bars
from rich.console import Console

_TERMINAL_INTERVAL_SECONDS = 0.5
_PLAIN_INTERVAL_SECONDS = 10.0
_PACE_SECONDS = 600.0
_LEAST_RATE = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
      total: Units of work; 0 while their number is not known.
      done: Those that are finished.
      failed: Those among them that failed; None where none can.
    """

    total: int
    done: int
    failed: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wording:
    """What a display calls the work.

    Attributes:
      first: What is going on while the amount of work is not known.
      unit: The units of work, in the plural.
      finished: What a finished unit is.
    """

    first: str
    unit: str
    finished: str = "done"


@contextlib.contextmanager
def show_progress(read: Callable[[], Progress], wording: Wording) -> Iterator[None]:
    """Show what `read` returns until the block ends; a thread calls it."""
    stop = threading.Event()
    thread = threading.Thread(target=_show, args=(read, wording, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def progress_line(
    progress: Progress, wording: Wording, *, units_per_second: float | None
) -> str:
    """Return one line: what is done, what failed, the pace and the time left."""
    if not progress.total:
        return wording.first
    line = f"{progress.done} of {progress.total} {wording.unit} {wording.finished}"
    if progress.failed is not None:
        line += f", {progress.failed} failed"
    if units_per_second:
        if units_per_second >= _LEAST_RATE:
            line += f", {units_per_second:.1f} {wording.unit}/s"
        seconds = (progress.total - progress.done) / units_per_second
        line += f", {seconds:.0f} s left"
    return line


def _show(
    read: Callable[[], Progress], wording: Wording, stop: threading.Event
) -> None:
    """Show the line until `stop`; the bar, shown or not, keeps the pace."""
    is_terminal = sys.stderr.isatty()
    interval = _TERMINAL_INTERVAL_SECONDS if is_terminal else _PLAIN_INTERVAL_SECONDS
    with bars.Progress(
        bars.BarColumn(bar_width=20),
        bars.TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=_PACE_SECONDS,
        disable=not is_terminal,
    ) as bar:
        task = bar.add_task(wording.first, total=None)
        while not stop.wait(interval):
            progress, pace = read(), bar.tasks[0].speed
            line = progress_line(progress, wording, units_per_second=pace)
            if not is_terminal:
                print(line, file=sys.stderr, flush=True)
            bar.update(
                task,
                description=line,
                total=progress.total or None,
                completed=progress.done,
            )
