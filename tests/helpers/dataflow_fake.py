"""A double of the part of Dataflow's REST API that submitting and watching jobs uses.

It takes jobs, refuses a second one under an active name as the service does, and runs
nothing unless it is told how: what was staged can be run by `helpers.worker_twin`.
"""

import contextlib
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator

from helpers.local_server import serving

PROJECT = "musiq-test-project"
REGION = "europe-west4"
# The service's numbers of these states.
RUNNING, DONE, FAILED, CANCELLED = 2, 3, 4, 5
TIMES = dict.fromkeys(("createTime", "currentStateTime"), "2026-01-02T03:04:05.678Z")


class DataflowFake:
    """The jobs of one project in one region.

    Attributes:
      endpoint: What `--dataflow_endpoint` is to be.
      project: The one project that it knows.
      jobs: Every job that was created, as it was sent, with what the service adds.
      refusal: A status that answers every request, 0 for none.
      metrics: Of each job by its id, as the service gives them.
      run: Runs a new job to its end in a thread of its own; it sets the job's state.
    """

    def __init__(self):
        self.endpoint = ""
        self.project = PROJECT
        self.jobs: list[dict] = []
        self.refusal = 0
        self.metrics: dict[str, list[dict]] = {}
        self.run: Callable[[dict], None] | None = None

    def create(self, job: dict) -> dict:
        """Start a job; an active one of the same name is given back in its place."""
        for other in self.jobs:
            if other["name"] == job["name"] and other["currentState"] == RUNNING:
                return other
        added = {
            "id": f"job-{len(self.jobs) + 1}",
            "currentState": RUNNING,
            "location": REGION,
            **TIMES,
        }
        self.jobs.append(job | added)
        if self.run is not None:
            threading.Thread(target=self.run, args=[self.jobs[-1]], daemon=True).start()
        return self.jobs[-1]

    def end(self, state: int = DONE):
        """End all jobs."""
        for job in self.jobs:
            job["currentState"] = state


@contextlib.contextmanager
def running_fake() -> Iterator[DataflowFake]:
    """Serve a fake from this process until the block ends."""
    fake = DataflowFake()
    with serving(type("Handler", (_Handler,), {"fake": fake})) as host:
        # Beam speaks REST, not gRPC, to an endpoint with this name alone.
        fake.endpoint = host.replace("127.0.0.1", "localhost")
        yield fake


class _Handler(http.server.BaseHTTPRequestHandler):
    fake: DataflowFake

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def do_PUT(self):
        self._answer()

    def log_message(self, format, *args):
        """Keep the test output clean."""

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = json.loads(body) if body else {}
        path = self.path.partition("?")[0]
        found = re.fullmatch(
            rf"/v1b3/projects/{self.fake.project}/locations/{REGION}/jobs(?:/([^/]+))?(/.+)?",
            path,
        )
        if self.fake.refusal:
            self._send(self.fake.refusal, {"error": {"message": "refused, it says"}})
        elif not found:
            self._send(404, {"error": {"message": "no such project or region"}})
        elif not found[1]:
            is_new = self.command == "POST"
            self._send(200, self.fake.create(sent) if is_new else self._active())
        elif found[2] == "/metrics":
            self._send(200, {"metrics": self.fake.metrics.get(found[1], [])})
        elif found[2]:
            self._send(200, {})  # no messages
        else:
            [job] = [job for job in self.fake.jobs if job["id"] == found[1]]
            if self.command == "PUT":
                job["currentState"] = CANCELLED
            self._send(200, job)

    def _active(self) -> dict:
        active = [job for job in self.fake.jobs if job["currentState"] == RUNNING]
        shown = ("id", "name", "type", "currentState", "location", *TIMES)
        return {"jobs": [{k: j[k] for k in shown if k in j} for j in active]}

    def _send(self, status: int, value: dict):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
