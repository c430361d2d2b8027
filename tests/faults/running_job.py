"""A job that runs while it is disturbed, and what it leaves behind."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from helpers.run_musiq import ROOT

_WORKER_MODULES = ("pipelines.engines.embedded.worker", "faults.dying_worker")
_LEFT_BY_KILLED = ("musiq-", "beam-pipeline-temp")
_GONE_SECONDS = 15.0
_HANGS_SECONDS = 90.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """How a job ended."""

    code: int
    err: str

    @property
    def last_line(self) -> str:
        return self.err.splitlines()[-1] if self.err else ""


class RunningJob:
    """A command in a session and a temporary folder of its own.

    All its descendants are in the session, also those whose parents have died.
    """

    def __init__(
        self,
        *arguments: object,
        temporary: Path,
        module: str = "pipelines.cli",
        env: dict[str, str] | None = None,
    ):
        temporary.mkdir(parents=True, exist_ok=True)
        self.temporary = temporary
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            env=os.environ
            | {"TMPDIR": str(temporary), "PYTHONPATH": paths}
            | (env or {}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.was_killed = False

    def is_running(self) -> bool:
        return self._process.poll() is None

    def family(self) -> list[psutil.Process]:
        """The job's living processes, the launcher among them."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                in_session = os.getsid(process.pid) == self._process.pid
                if in_session and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def workers(self) -> list[psutil.Process]:
        """The worker processes, without the shells that start them."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.cmdline()[1:3] in [["-m", m] for m in _WORKER_MODULES]:
                    found.append(process)
        return found

    def wait_until(self, reached) -> bool:
        """Wait for something; whether it came before the job's end."""
        while not reached():
            if not self.is_running():
                return False
            time.sleep(0.02)
        return True

    def wait_until_halted(self) -> bool:
        """Wait until the launcher stands still; whether it did before its end."""
        launcher = psutil.Process(self._process.pid)
        return self.wait_until(lambda: launcher.status() == psutil.STATUS_STOPPED)

    def go_on(self) -> None:
        """Let a job that stands still go on."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End launcher and workers at once, as a preempted machine does."""
        self.was_killed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill_launcher(self) -> None:
        """End the launcher alone, as the kernel does when memory is short."""
        self.was_killed = True
        self._process.kill()

    def end(self) -> Ended:
        """Wait for the end; a job that hangs fails the test."""
        try:
            _, err = self._process.communicate(timeout=_HANGS_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            _, err = self._process.communicate()
            raise AssertionError(f"the job hangs; it said:\n{err}") from None
        self.was_killed = self.was_killed or self._process.returncode < 0
        return Ended(code=self._process.returncode, err=err)

    def require_nothing_left(self) -> None:
        """Fail if a process, or a file in the temporary folder, has survived.

        A launcher that was killed cannot tidy up its folder of live counts, nor the one
        that Beam makes.
        """
        _, alive = psutil.wait_procs(self.family(), timeout=_GONE_SECONDS)
        told = [(process.pid, process.cmdline()) for process in alive]
        self.kill()
        assert told == [], f"processes survived the job: {told}"
        left = [
            path
            for path in self.temporary.iterdir()
            if not (self.was_killed and path.name.startswith(_LEFT_BY_KILLED))
        ]
        assert left == [], f"the job left temporary files: {left}"
