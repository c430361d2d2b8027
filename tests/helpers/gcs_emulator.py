"""A store for gs:// names on this machine, with credentials that need no network.

The emulator proves names and bytes. It does not enforce preconditions and does not
page listings; `helpers.gcs_double` does.
"""

import contextlib
import dataclasses
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BUCKET = "musiq-test"
TOKEN = "ya29.secret-token-of-the-stub"
_START_SECONDS = 30
_VARIABLES = ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK")


@dataclasses.dataclass(frozen=True)
class Gcs:
    """A store that runs.

    Attributes:
      env: What a process needs in its environment to use it.
      bucket: An existing bucket.
    """

    env: dict[str, str]
    bucket: str

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}"


@contextlib.contextmanager
def running_emulator() -> Iterator[Gcs]:
    """Run the emulator in a process of its own until the block ends."""
    port = _free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--quiet"]
    command += ["--host=127.0.0.1", f"--port={port}", "--in-memory"]
    command += [f"--default-bucket={BUCKET}"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        with stub_credentials() as env:
            host = f"http://127.0.0.1:{port}"
            yield Gcs(env | {"STORAGE_EMULATOR_HOST": host}, BUCKET)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def stub_credentials() -> Iterator[dict[str, str]]:
    """Give a service account whose tokens come from a stub on this machine."""
    with serving(_TokenHandler) as host, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "account.json")
        path.write_text(json.dumps(_account(f"{host}/token")))
        yield {"GOOGLE_APPLICATION_CREDENTIALS": str(path), "NO_GCE_CHECK": "true"}


@contextlib.contextmanager
def environment(env: dict[str, str]) -> Iterator[None]:
    """Put variables into this process's environment, and back."""
    before = {name: os.environ.get(name) for name in {*env, *_VARIABLES}}
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


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Keep the test output clean: clients hang up as they like."""


class _TokenHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        body = json.dumps(token).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Keep the test output clean."""


def _account(token_uri: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "musiq-test",
        "private_key_id": "test",
        "private_key": pem.decode(),
        "client_email": "tests@musiq-test.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int, process: subprocess.Popen):
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise RuntimeError(f"the emulator ended with {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the emulator did not answer in {_START_SECONDS} s")
