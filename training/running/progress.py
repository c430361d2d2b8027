"""Progress of training on stderr: a bar on a terminal, plain lines elsewhere."""

import datetime
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar


class Progress:
    """Shows the step, the loss, the pace and the time left."""

    def __init__(self, start_step: int, step_count: int):
        """Begin.

        Args:
          start_step: Steps done before.
          step_count: Steps of the whole run.
        """
        self._step_count = step_count
        self._bar = None
        if sys.stderr.isatty():
            self._bar = Bar(
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
            )
            self._bar.add_task("compiling", total=step_count, completed=start_step)
            self._bar.start()

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """Show the numbers of the newest step, and on a terminal move the bar."""
        text = progress_text(step, self._step_count, values)
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=step, description=text)
        else:
            line = f"step {step} of {self._step_count}, {text}"
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar:
            self._bar.stop()


def progress_text(step: int, step_count: int, values: Mapping[str, float]) -> str:
    """Return the loss, and if known the pace and the time left."""
    text = f"loss {values['loss']:.4g}"
    pace = values.get("seconds_per_step")
    if pace is None:
        return text
    left = datetime.timedelta(seconds=round(pace * (step_count - step)))
    return f"{text}, {pace:.3g} s a step, {left} left"
