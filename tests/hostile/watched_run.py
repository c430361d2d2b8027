"""Runs a `musiq` command and watches what it and its children do meanwhile."""

import contextlib
import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from helpers.run_musiq import ROOT

_INTERVAL_SECONDS = 0.05
_GONE_SECONDS = 15.0
_HANGS_SECONDS = 170.0
_DECODE_CHILD = "pipelines.decoding.child"
# Told of by the interpreter itself, in every process: no test double is needed.
_AUDIT = """
import contextlib, os, sys
log = os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
def note(event, args):
    if event in ("open", "socket.connect", "socket.getaddrinfo"):
        with contextlib.suppress(OSError):
            os.write(log, ascii((event, *args[:2])).encode() + b"\\n")
sys.addaudithook(note)
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watched:
    """What a command did.

    Attributes:
      code: Exit code.
      out: Everything on stdout.
      err: Everything on stderr.
      child_peak_bytes: Most resident memory of any decode child, as the kernel counts.
      child_limits: Address space limits of the decode children.
      left: Processes and temporary files that were there after its end.
      events: Files that Python code opened and connections that it made, a line each.
    """

    code: int
    out: bytes
    err: bytes
    child_peak_bytes: int
    child_limits: frozenset[int]
    left: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def connections(self) -> list[str]:
        """Where Python code connected to, or looked up a name for."""
        return [event for event in self.events if event.startswith("('socket.")]

    @property
    def opened(self) -> list[str]:
        """Files that Python code opened."""
        return [event for event in self.events if event.startswith("('open'")]


def watch_musiq(*arguments: object, env: dict[str, str] | None = None) -> Watched:
    """Run the command in a session and a temporary folder of its own; a hang raises."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        hook, temporary, log = (Path(folder, n) for n in ("hook", "temporary", "log"))
        hook.mkdir()
        temporary.mkdir()
        (hook / "sitecustomize.py").write_text(_AUDIT)
        log.touch()
        log.chmod(0o666)
        paths = os.pathsep.join([str(hook), str(ROOT)])
        with (
            open(Path(folder, "out"), "w+b") as out,
            open(Path(folder, "err"), "w+b") as err,
        ):
            running = subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
                stdout=out,
                stderr=err,
                env=os.environ
                | {"TMPDIR": str(temporary), "PYTHONPATH": paths, "AUDIT_LOG": str(log)}
                | (env or {}),
                start_new_session=True,
            )
            peak, limits = _watch_children(running)
            left = _left_processes(running.pid)
            out.seek(0)
            err.seek(0)
            return Watched(
                code=running.returncode,
                out=out.read(),
                err=err.read(),
                child_peak_bytes=peak,
                child_limits=frozenset(limits),
                left=(*left, *map(str, temporary.iterdir())),
                events=tuple(log.read_text().splitlines()),
            )


def _watch_children(running: subprocess.Popen) -> tuple[int, set[int]]:
    """Look at the decode children until the command ends."""
    peak, limits = 0, set()
    process = psutil.Process(running.pid)
    give_up_at = time.monotonic() + _HANGS_SECONDS
    while running.poll() is None:
        if time.monotonic() > give_up_at:
            _kill_session(running.pid)
            running.wait()
            raise AssertionError("the command hangs")
        with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
            for child in process.children(recursive=True):
                with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
                    if _DECODE_CHILD in child.cmdline():
                        peak = max(peak, _peak_bytes(child.pid))
                        limits.add(_address_space_limit(child.pid))
        time.sleep(_INTERVAL_SECONDS)
    # A child that has not yet given up its powers has no limit.
    return peak, limits - {resource.RLIM_INFINITY}


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _address_space_limit(pid: int) -> int:
    """The hard limit; psutil would need the right to set it."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    hard = limits.partition("Max address space")[2].split()[1]
    return resource.RLIM_INFINITY if hard == "unlimited" else int(hard)


def _left_processes(session: int) -> list[str]:
    """Processes of the session that do not end by themselves; they are ended."""
    _, alive = psutil.wait_procs(_session(session), timeout=_GONE_SECONDS)
    told = [str(process) for process in alive]
    _kill_session(session)
    return told


def _session(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            in_session = os.getsid(process.pid) == session
            if in_session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _kill_session(session: int) -> None:
    for process in _session(session):
        with contextlib.suppress(psutil.Error):
            process.kill()
