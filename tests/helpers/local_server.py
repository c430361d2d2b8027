"""Servers on this machine's loopback, and the environment that leads programs there."""

import contextlib
import dataclasses
import http.server
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence

_START_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class LocalStore:
    """An object store that runs.

    Attributes:
      env: What a process needs in its environment to use it.
      uri: An existing bucket, without a slash at its end.
    """

    env: dict[str, str]
    uri: str


@contextlib.contextmanager
def environment(env: dict[str, str]) -> Iterator[None]:
    """Put variables into this process's environment, and back."""
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve HTTP from threads of this process; gives the address."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def running(
    command: Sequence[str], port_flag: str, env: dict[str, str] | None = None
) -> Iterator[str]:
    """Run a server in a process of its own, on a free port; gives its address."""
    port = _free_port()
    process = subprocess.Popen(
        [*command, f"{port_flag}={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | (env or {}),
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Keep the test output clean: clients hang up as they like."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(address: str, process: subprocess.Popen):
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{address}/", timeout=5).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not answer in {_START_SECONDS} s")
