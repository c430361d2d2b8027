"""Other people's engines, each a process that opens tables by name, in `.venv-lake`."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
from helpers.run_musiq import ROOT

PYTHON = ROOT / ".venv-lake" / "bin" / "python"
JARS = ROOT / ".lake-jars" / "checked"
_PROGRAM = Path(__file__).with_name("lake_engine.py")


class LakeError(Exception):
    """What an engine said when it could not do what was asked."""


class Lake:
    """A running engine.

    Attributes:
      name: Of the engine.
    """

    def __init__(self, name: str, process: subprocess.Popen, folder: Path):
        self.name = name
        self._process, self._folder = process, folder

    def rows(self, table: object, version: int | None = None) -> pa.Table:
        """All rows of a table, opened by its name."""
        found = self._ask("rows", table=str(table), version=version)
        return feather.read_table(found)

    def ask(self, what: str, **arguments: Any) -> Any:
        """What another method of the engine returns."""
        return json.loads(self._ask(what, **arguments).read_text())

    def await_answer(self) -> None:
        for line in self._process.stdout:
            if line.startswith("answer "):
                told = line.removeprefix("answer ").strip()
                if told != "done":
                    raise LakeError(f"{self.name}: {told}")
                return
        raise LakeError(f"{self.name} ended; its last words are above")

    def _ask(self, what: str, **arguments: Any) -> Path:
        to = self._folder / "answer"
        request = {"ask": what, "to": str(to), **arguments}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        self.await_answer()
        return to


@contextlib.contextmanager
def running_engine(
    name: str, store: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Lake]:
    """Run an engine until the block ends.

    Args:
      name: One of `ENGINES` of `lake_engine.py`.
      store: How its bucket is reached, in the words of delta-rs.
      cwd: Where it stands.
    """
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [PYTHON, _PROGRAM, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=cwd or folder,
            env=os.environ | {"HOME": folder, "LAKE_STORE": json.dumps(store or {})},
        )
        with process:
            lake = Lake(name, process, Path(folder))
            lake.await_answer()
            yield lake
            process.stdin.close()
