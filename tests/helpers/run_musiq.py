"""Runs the `musiq` command and reads the ledger that it leaves."""

import contextlib
import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.cli import main
from pipelines.ledger.states import newest_state
from schemas.plain import to_plain

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr."""
        [line] = self.err.splitlines()
        return line

    @property
    def summary(self) -> dict:
        """What --json printed."""
        return json.loads(self.out)


def run_musiq(*arguments: object, env: dict | None = None, cwd=None) -> Outcome:
    """Run the command in a process of its own, as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (env or {}),
        cwd=cwd,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_here(*arguments: object) -> Outcome:
    """Run the command in this process, which saves seconds of imports."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def commits_of(ledger: Path) -> list[Path]:
    """The commits of a ledger's log, in order; none of a folder without a log."""
    return sorted((ledger / "_delta_log").glob("*.json"))


def facts_of(commit: bytes) -> dict:
    """What a commit says, and the files that it adds."""
    lines = [json.loads(line) for line in commit.splitlines()]
    [info] = [line["commitInfo"] for line in lines if "commitInfo" in line]
    added = [line["add"] for line in lines if "add" in line]
    return info["musiq"] | {"files": added}


def manifest_of(ledger: Path) -> dict:
    """What the newest state says."""
    state = newest_state(str(ledger))
    assert state is not None, "nothing was published"
    return to_plain(state.manifest)


def table_of(ledger: Path) -> pa.Table:
    """All rows of the newest state."""
    files = manifest_of(ledger)["files"]
    return pa.concat_tables([pq.read_table(ledger / file["path"]) for file in files])


def rows_by_key(ledger: Path) -> dict[str, dict]:
    rows = table_of(ledger).to_pylist()
    assert len({row["uri"] for row in rows}) == len(rows)
    return {row["key"]: row for row in rows}
