"""A proxy in front of a store that fails as networks and stores do, by a seed.

Works for the doubles and emulators of gs:// and s3:// alike, which are reached through
their clients' endpoint variables.
"""

import collections
import contextlib
import dataclasses
import http.client
import http.server
import random
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator

from helpers.local_server import serving

SECRET = "a-token-that-must-not-be-told"
RESET = "reset"  # the connection ends without an answer
SHORT = "short"  # the body ends before its stated length
CUT = "cut"  # the body is half of the object, and says so
FLIPPED = "flipped"  # one bit in the middle is another
FLIPPED_ANYWHERE = "flipped anywhere"  # one bit is another, by chance
ZEROED = "zeroed"  # the second half is zeros
SLOW = "slow"  # the answer comes late
LOST = "lost"  # the request is done, its answer is a 503

Fault = int | str | Callable[[], None]  # a status, one of the above, or a change before

CODES = {403: "AccessDenied", 404: "NoSuchKey", 409: "ConditionalRequestConflict"}
CODES |= {500: "InternalError", 503: "SlowDown"}
_SLOW_SECONDS = 0.3
_OF_ONE_CONNECTION = {"connection", "transfer-encoding", "keep-alive", "expect"}


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked, and how it was made to fail.

    Attributes:
      operation: read, stat, list, write or delete.
      name: Path of the object, as the client sent it but unescaped.
      fault: None if it was passed on and its answer passed back.
    """

    operation: str
    name: str
    fault: Fault | None


class FaultProxy:
    """Which requests fail and how, and all requests so far."""

    def __init__(self, upstream: str, seed: int):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.requests: list[Request] = []
        self.outage: Fault | None = None
        self._seed = seed
        self._at_random: dict[str | None, tuple[float, tuple[Fault, ...]]] = {}
        self._planned: dict[tuple[str, str], list[Fault]] = {}
        self._seen: collections.Counter[tuple[str, str]] = collections.Counter()
        self._lock = threading.Lock()

    def fail_at_random(
        self, rate: float, *kinds: Fault, operation: str | None = None
    ) -> None:
        """Let a share of the requests fail, of one operation or of all others."""
        self._at_random[operation] = rate, kinds

    def fail(self, operation: str, name: str, *faults: Fault) -> None:
        """Let the next requests for the object whose path ends so fail, in order."""
        self._planned.setdefault((operation, name), []).extend(faults)

    def take_back(self, operation: str, name: str) -> None:
        """Let no more requests for an object fail as `fail` has said."""
        self._planned.pop((operation, name), None)

    def count(self, operation: str, name: str = "") -> int:
        """How often something was asked for."""
        return sum(
            one.operation == operation and one.name.endswith(name)
            for one in self.requests
        )

    def next_fault(self, operation: str, name: str) -> Fault | None:
        with self._lock:
            fault = self._choose(operation, name)
            self.requests.append(Request(operation, name, fault))
        return fault

    def chance(self) -> random.Random:
        """Give what decides where the answer to the newest request is damaged."""
        return random.Random(f"{self._seed} {len(self.requests)}")

    def _choose(self, operation: str, name: str) -> Fault | None:
        if self.outage is not None:
            return self.outage
        for (of, end), faults in self._planned.items():
            if of == operation and name.endswith(end) and faults:
                return faults.pop(0)
        self._seen[operation, name] += 1
        of_all = self._at_random.get(None, (0.0, ()))
        rate, kinds = self._at_random.get(operation, of_all)
        # Not by the order of requests, which differs from run to run.
        chance = random.Random(
            f"{self._seed} {operation} {name} {self._seen[operation, name]}"
        )
        return chance.choice(kinds) if chance.random() < rate else None


@contextlib.contextmanager
def running_proxy(upstream: str, *, seed: int = 0) -> Iterator[tuple[FaultProxy, str]]:
    """Run a proxy in front of a server; gives it and its address."""
    proxy = FaultProxy(upstream, seed)
    with serving(type("Handler", (_Handler,), {"proxy": proxy})) as address:
        yield proxy, address


class _Handler(http.server.BaseHTTPRequestHandler):
    proxy: FaultProxy
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.next_fault(*_meaning(self.command, self.path))
        if callable(fault):
            fault()
        if fault == SLOW:
            time.sleep(_SLOW_SECONDS)
        if isinstance(fault, int):
            self._refuse(fault)
        elif fault == RESET:
            self._hang_up()
        else:
            answer, data = self._pass_on(body)
            if fault == LOST:
                self._refuse(503)
            else:
                self._pass_back(answer, data, fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, format, *args):
        """Keep the test output clean."""

    def _pass_on(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        upstream = self.proxy.upstream
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _OF_ONE_CONNECTION
        }
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()

    def _pass_back(self, answer, data: bytes, fault: Fault | None):
        half = len(data) // 2
        place = self.proxy.chance().randrange(len(data) or 1)
        sent = {
            SHORT: data[:half],
            CUT: data[:half],
            FLIPPED: _flipped(data, half),
            FLIPPED_ANYWHERE: _flipped(data, place),
            ZEROED: data[:half] + bytes(len(data) - half),
        }.get(fault, data)
        length = len(sent) if fault == CUT else len(data)
        if self.command == "HEAD":
            length = answer.getheader("Content-Length", "0")
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {*_OF_ONE_CONNECTION, "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(sent)
        if fault == SHORT:
            self._hang_up()

    def _refuse(self, status: int):
        code = CODES.get(status, "Other")
        body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _flipped(data: bytes, place: int) -> bytes:
    """Give an answer of which one bit at a place is another."""
    if not data:
        return data
    return data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


def _meaning(method: str, target: str) -> tuple[str, str]:
    """Return operation and object of a request to gs:// or s3://."""
    path, _, query = target.partition("?")
    name = urllib.parse.unquote(path)
    if method in ("PUT", "POST"):
        return "write", name
    if method in ("HEAD", "DELETE"):
        return {"HEAD": "stat", "DELETE": "delete"}[method], name
    if "list-type=2" in query or path.endswith("/o"):
        return "list", name
    if path.startswith(("/storage/", "/b/")):
        return "stat", name
    return "read", name
