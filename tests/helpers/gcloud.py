"""The real `gcloud`, led to doubles on this machine by its own settings.

Dataflow's API has a double of its own, and gs:// the emulator. Every other service is
one recorder: it writes down what it is asked and gives an answer that lets the command
end, so a test sees that the command line is understood and what it sends.
"""

import contextlib
import dataclasses
import email
import email.policy
import http.client
import http.server
import json
import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.local_server import serving

GCLOUD = shutil.which("gcloud")
needs_gcloud = pytest.mark.skipif(
    GCLOUD is None,
    reason="NOT CHECKED: there is no gcloud on PATH, so no gcloud line of the runbook "
    "was run; install the Google Cloud CLI (528.0.0 or newer, with beta)",
)
_OTHERS = (
    *("artifactregistry", "cloudkms", "cloudresourcemanager", "cloudscheduler"),
    *("iam", "logging", "monitoring", "serviceusage"),
)


@dataclasses.dataclass(frozen=True)
class Asked:
    """One request: POST, the path with its query, and the JSON that was sent."""

    method: str
    path: str
    sent: dict


@contextlib.contextmanager
def recorder() -> Iterator[tuple[str, list[Asked]]]:
    """Serve a recorder; gives its address and what it has been asked so far."""
    asked: list[Asked] = []
    with serving(type("Handler", (_Recorder,), {"asked": asked})) as address:
        yield address, asked


@contextlib.contextmanager
def emulator_for_gcloud(address: str) -> Iterator[str]:
    """Serve the emulator of gs:// in a form that takes the uploads of gcloud."""
    upstream = urllib.parse.urlsplit(address).netloc
    with serving(type("Handler", (_Unquoting,), {"upstream": upstream})) as served:
        yield served


def gcloud_env(
    folder: Path, project: str, *, dataflow: str, storage: str, others: str
) -> dict[str, str]:
    """Return the variables with which gcloud reaches doubles alone.

    Args:
      folder: For its settings, so that it neither reads nor changes the user's.
      project: The project that its commands are about.
      dataflow: Address of the double of Dataflow.
      storage: Address of a store.
      others: Address of a recorder.
    """
    token = folder / "token"
    token.write_text("ya29.no-real-token")
    endpoints = {name: f"{others}/" for name in _OTHERS}
    endpoints |= {
        "compute": f"{others}/compute/v1/",
        "dataflow": f"{dataflow}/",
        "storage": f"{storage}/storage/v1/",
    }
    return {
        "CLOUDSDK_CONFIG": str(folder),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_CORE_PROJECT": project,
        "DOCKER_CONFIG": str(folder),
        **{
            f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}": address
            for name, address in endpoints.items()
        },
    }


class _Recorder(http.server.BaseHTTPRequestHandler):
    asked: list[Asked]

    def do_GET(self):
        self._record()

    def do_POST(self):
        self._record()

    def do_PATCH(self):
        self._record()

    def do_PUT(self):
        self._record()

    def log_message(self, format, *args):
        """Keep the test output clean."""

    def _record(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        about, sent = _json_in(body, self.headers.get("Content-Type", ""))
        self.asked.append(Asked(self.command, self.path, sent))
        answer = json.dumps(self._answer(sent) | about).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, sent: dict) -> dict:
        """What is asked about is as it was sent, and operations have ended."""
        path = urllib.parse.urlsplit(self.path).path
        if path.endswith(":setIamPolicy"):
            return sent["policy"]
        if path.endswith("/iam"):
            return sent
        if path.startswith("/compute/"):
            return self._compute(path)
        if path.startswith("/upload/"):
            return {"name": "object", "bucket": "my-bucket", "generation": "1"}
        if path.startswith("/storage/"):
            return {"name": path.rpartition("/")[2]} | sent
        if path.endswith((":batchEnable", "/repositories")):
            place = path.removeprefix("/v1/").rpartition("/")[0]
            return {"name": f"{place}/operations/1", "done": True, "response": {}}
        if "/operations/" in path:
            return {"name": path.removeprefix("/v1/"), "done": True, "response": {}}
        return {}

    def _compute(self, path: str) -> dict:
        host = f"http://{self.headers['Host']}"
        if self.command == "GET" and "/operations/" not in path:
            quotas = [{"metric": "N2_CPUS", "limit": 160, "usage": 8}]
            name = path.rpartition("/")[2]
            return {"name": name, "selfLink": host + path, "quotas": quotas}
        region = path.partition("/regions/")[0] + "/regions/europe-west4"
        return {
            "name": "operation-1",
            "status": "DONE",
            "operationType": "insert",
            "region": f"{host}{region}",
            "selfLink": f"{host}{region}/operations/operation-1",
            "targetLink": host + path.removesuffix("/setPrivateIpGoogleAccess"),
        }


class _Unquoting(http.server.BaseHTTPRequestHandler):
    """Passes requests on; the emulator reads no boundary between single quotes."""

    upstream: str
    of_one_connection = ("connection", "transfer-encoding", "content-length")

    def do_GET(self):
        self._pass_on()

    def do_POST(self):
        self._pass_on()

    def log_message(self, format, *args):
        """Keep the test output clean."""

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.headers.get("Content-Type", "").replace("boundary='", 'boundary="')
        headers = {
            "Content-Type": kind[:-1] + '"' if kind.endswith("'") else kind,
            "Content-Length": str(len(body)),
        }
        if "Range" in self.headers:
            headers["Range"] = self.headers["Range"]
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in (
                "connection",
                "transfer-encoding",
                "content-length",
            ):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _json_in(body: bytes, kind: str) -> tuple[dict, dict]:
    """Read what an upload says of its object, if it is one, and the JSON it sends."""
    about = {}
    if kind.startswith("multipart/"):
        headers = f"Content-Type: {kind}\n\n".replace("'", '"').encode()
        message = email.message_from_bytes(headers + body, policy=email.policy.HTTP)
        first, second = message.get_payload()
        about = json.loads(first.get_payload())
        body = second.get_payload(decode=True)
    return about, json.loads(body) if body else {}
