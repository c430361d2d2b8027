"""A store for gs:// names on this machine, with credentials that need no network.

The emulator proves names and bytes. It does not enforce preconditions and does not
page listings; `helpers.gcs_double` does.
"""

import contextlib
import http.server
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from helpers.local_server import LocalStore, running, serving

BUCKET = "musiq-test"
TOKEN = "ya29.secret-token-of-the-stub"


@contextlib.contextmanager
def running_emulator() -> Iterator[LocalStore]:
    """Run the emulator in a process of its own until the block ends."""
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--quiet"]
    command += ["--host=127.0.0.1", "--in-memory", f"--default-bucket={BUCKET}"]
    with running(command, "--port") as address, stub_credentials() as env:
        yield LocalStore(env | {"STORAGE_EMULATOR_HOST": address}, f"gs://{BUCKET}")


@contextlib.contextmanager
def stub_credentials(status: int = 200) -> Iterator[dict[str, str]]:
    """Give a service account whose tokens, or refusals, come from this machine."""
    handler = type("Handler", (_TokenHandler,), {"status": status})
    with serving(handler) as host, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "account.json")
        path.write_text(json.dumps(_account(f"{host}/token")))
        yield {"GOOGLE_APPLICATION_CREDENTIALS": str(path), "NO_GCE_CHECK": "true"}


class _TokenHandler(http.server.BaseHTTPRequestHandler):
    status: int

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        body = json.dumps(token).encode()
        self.send_response(self.status)
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
