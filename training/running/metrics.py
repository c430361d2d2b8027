"""The numbers of a run: one JSON line each time, and the same for TensorBoard."""

import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from pipelines.storage import join, storage_for

METRICS_FILE = "metrics.jsonl"
# Type checkers see nothing of generated modules.
_EVENTS: Any = event_pb2
_SUMMARIES: Any = summary_pb2


class MetricsWriter:
    """Appends to `metrics.jsonl` and to an event file in a run's folder.

    A run that resumes from a checkpoint forgets what was logged after it, so that every
    step is there once. Object stores cannot append: files for them are written here and
    copied whole, they are small.
    """

    def __init__(self, output: str, *, start_step: int):
        """Open the files.

        Args:
          output: The run's folder, local or in an object store.
          start_step: Steps done before.
        """
        self._copy_to = output if "://" in output else None
        folder = Path(tempfile.mkdtemp() if self._copy_to else output)
        folder.mkdir(parents=True, exist_ok=True)
        lines = folder / METRICS_FILE
        if self._copy_to:
            _copy_if_there(join(self._copy_to, METRICS_FILE), lines)
        _forget_after(lines, start_step)
        now = time.time_ns() // 10**6
        events = folder / f"events.out.tfevents.{now:013d}.{os.getpid()}"
        self._files = (lines, events)
        self._lines = lines.open("a")
        self._events = RecordWriter(events.open("wb"))
        self._write_event(file_version="brain.Event:2")
        if start_step:
            start = _EVENTS.SessionLog(status=_EVENTS.SessionLog.START)
            self._write_event(step=start_step + 1, session_log=start)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step, so that they can be read at once."""
        self._lines.write(json.dumps({"step": step, **values}) + "\n")
        self._lines.flush()
        summary = _SUMMARIES.Summary()
        for tag, value in values.items():
            summary.value.add(tag=tag, simple_value=value)
        self._write_event(step=step, summary=summary)
        if self._copy_to:
            for file in self._files:
                uri = join(self._copy_to, file.name)
                storage_for(uri).write(uri, file.read_bytes())

    def close(self) -> None:
        """Close the files."""
        self._lines.close()
        self._events.close()

    def _write_event(self, **fields: object) -> None:
        event = _EVENTS.Event(wall_time=time.time(), **fields)
        self._events.write(event.SerializeToString())
        self._events.flush()


def _copy_if_there(uri: str, path: Path) -> None:
    storage = storage_for(uri)
    if storage.stat(uri):
        with storage.open_read(uri) as file:
            path.write_bytes(file.read())


def _forget_after(path: Path, step: int) -> None:
    """Drop lines of later steps, and one that a killed process cut short."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except ValueError:
            continue
    partial = path.with_suffix(".partial")
    partial.write_text("".join(kept))
    partial.replace(path)
