"""A double of the part of the Cloud Storage JSON API that the project uses.

Unlike the emulator it enforces preconditions, pages listings and fails on demand.
"""

import base64
import bisect
import contextlib
import dataclasses
import datetime
import http.server
import itertools
import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Iterable, Iterator

import google_crc32c
from helpers.gcs_emulator import BUCKET
from helpers.local_server import serving

SECRET = "ya29.a-token-that-must-not-be-told"
RESET = "reset"  # the connection ends without an answer
SHORT = "short"  # the body ends before its stated length
CUT = "cut"  # the body is shorter than the object, and says so
DAMAGED = "damaged"  # one byte is another
LOST = "lost"  # the upload is done, its answer a 503


@dataclasses.dataclass
class Object:
    data: bytes
    generation: int
    metadata: dict
    content_encoding: str | None = None

    @property
    def crc32c(self) -> str:
        return base64.b64encode(google_crc32c.Checksum(self.data).digest()).decode()


class GcsDouble:
    """The store's content, what is asked of it, and how it is to fail.

    Attributes:
      requests: The operation of each request: list, stat, download, upload, delete.
      downloaded_bytes: How much of objects was sent.
      page_size: Objects in a page of a listing.
    """

    def __init__(self):
        self.requests: list[str] = []
        self.downloaded_bytes = 0
        self.page_size = 1000
        self._objects: dict[str, Object] = {}
        self._names: list[str] | None = None  # in order, once a listing asked
        self._faults: dict[str, list[int | str]] = {}
        self._generations = itertools.count(1_700_000_000_000_001)
        self._lock = threading.Lock()

    def put(self, name: str, data: bytes, content_encoding: str | None = None):
        """Create or replace an object."""
        found = Object(data, next(self._generations), {}, content_encoding)
        self._objects[name] = found
        self._names = None

    def put_many(self, names: Iterable[str], data: bytes = b""):
        """Create objects of one content, and one generation."""
        found = Object(data, next(self._generations), {})
        self._objects.update(dict.fromkeys(names, found))
        self._names = None

    def delete(self, name: str):
        del self._objects[name]
        self._names = None

    def content(self, name: str) -> bytes:
        return self._objects[name].data

    def fail(self, operation: str, fault: int | str, *, times: int = 1):
        """Answer the next requests of one operation with a status or a damage."""
        self._faults.setdefault(operation, []).extend([fault] * times)

    def next_fault(self, operation: str) -> int | str | None:
        with self._lock:
            self.requests.append(operation)
            waiting = self._faults.get(operation)
            return waiting.pop(0) if waiting else None

    def find(self, name: str) -> Object | None:
        return self._objects.get(name)

    def page(
        self, prefix: str, token: str, start: str = "", count: int | None = None
    ) -> tuple[list[str], str | None]:
        """Give the names of one page, and the token of the next, its first name."""
        with self._lock:
            if self._names is None:
                self._names = sorted(self._objects)
            known = self._names
        size = min(count or self.page_size, self.page_size)
        place = bisect.bisect_left(known, max(prefix, start, token))
        found = known[place : place + size + 1]
        names = [name for name in found if name.startswith(prefix)]
        return names[:size], names[size] if len(names) > size else None

    def upload(
        self, name: str, data: bytes, metadata: dict, wanted: str | None
    ) -> bool:
        """Store an object unless its generation is not the wanted one."""
        with self._lock:
            found = self._objects.get(name)
            generation = found.generation if found else 0
            if wanted is not None and int(wanted) != generation:
                return False
            self._objects[name] = Object(data, next(self._generations), metadata)
            self._names = None
            return True


@contextlib.contextmanager
def running_double() -> Iterator[tuple[GcsDouble, dict[str, str]]]:
    """Run a double; gives it and what a process needs in its environment."""
    double = GcsDouble()
    handler = type("Handler", (_Handler,), {"double": double})
    with serving(handler) as host:
        yield double, {"STORAGE_EMULATOR_HOST": host}


class _Handler(http.server.BaseHTTPRequestHandler):
    double: GcsDouble
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, query = self._address()
        if path.startswith("/download/"):
            self._answer("download", self._download, path, query)
        elif path.endswith(f"/b/{BUCKET}"):  # the client looks where buckets lie
            self._refuse(403)
        elif path.endswith("/o"):
            self._answer("list", self._list, path, query)
        else:
            self._answer("stat", self._stat, path, query)

    def do_POST(self):
        path, query = self._address()
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer("upload", self._upload, path, query)

    def do_DELETE(self):
        path, query = self._address()
        self._answer("delete", self._delete, path, query)

    def log_message(self, format, *args):
        """Keep the test output clean."""

    def _address(self):
        path, _, query = self.path.partition("?")
        return path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    def _answer(self, operation, answer, path, query):
        fault = self.double.next_fault(operation)
        bucket = re.search("/b/([^/]+)", path)[1]
        if isinstance(fault, int):
            self._refuse(fault)
        elif fault == RESET:
            self._hang_up()
        elif bucket != BUCKET:
            self._refuse(404)
        else:
            answer(path, query, fault)

    def _list(self, path, query, fault):
        names, token = self.double.page(
            query.get("prefix", ""),
            query.get("pageToken", ""),
            query.get("startOffset", ""),
            int(query["maxResults"]) if "maxResults" in query else None,
        )
        page = {"items": [self._described(name) for name in names]}
        if token is not None:
            page["nextPageToken"] = token
        self._send_json(200, page)

    def _stat(self, path, query, fault):
        name = _name(path)
        if self.double.find(name) is None:
            self._refuse(404)
        else:
            self._send_json(200, self._described(name))

    def _download(self, path, query, fault):
        found = self.double.find(_name(path))
        if found is None:
            return self._refuse(404)
        wanted = query.get("ifGenerationMatch", found.generation)
        if int(wanted) != found.generation:
            return self._refuse(412)
        data, status = found.data, 200
        headers = {"X-Goog-Generation": str(found.generation)}
        if found.content_encoding:
            headers["Content-Encoding"] = found.content_encoding
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            end = int(wanted[2]) + 1 if wanted[2] else len(data)
            data, status = data[int(wanted[1]) : end], 206
        else:
            headers["X-Goog-Hash"] = f"crc32c={found.crc32c}"
            headers["X-Goog-Stored-Content-Length"] = str(len(data))
        length = len(data)
        self.double.downloaded_bytes += length
        if fault == DAMAGED:
            data = bytes([data[0] ^ 1]) + data[1:]
        elif fault in (SHORT, CUT):
            data = data[: length // 2]
        length = len(data) if fault == CUT else length
        self._send(status, data, headers, length)
        if fault == SHORT:
            self._hang_up()

    def _upload(self, path, query, fault):
        boundary = re.search(r'boundary="?([^"]+)"?', self.headers["Content-Type"])[1]
        _, about, content, _ = self.body.split(b"--" + boundary.encode())
        about = json.loads(about.partition(b"\r\n\r\n")[2])
        data = content.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        name, metadata = about["name"], about.get("metadata", {})
        done = self.double.upload(name, data, metadata, query.get("ifGenerationMatch"))
        if not done:
            self._refuse(412)
        elif fault == LOST:
            self._refuse(503)
        else:
            self._send_json(200, self._described(name))

    def _delete(self, path, query, fault):
        if self.double.find(_name(path)) is None:
            return self._refuse(404)
        self.double.delete(_name(path))
        self._send(204, b"", {}, 0)

    def _described(self, name):
        found = self.double.find(name)
        updated = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)
        return {
            "name": name,
            "bucket": BUCKET,
            "size": str(len(found.data)),
            "generation": str(found.generation),
            "updated": f"{updated.isoformat()}Z",
            "metadata": found.metadata,
            "crc32c": found.crc32c,
        }

    def _refuse(self, status):
        message = f"refused {self.path}?access_token={SECRET}"
        self._send_json(status, {"error": {"code": status, "message": message}})

    def _send_json(self, status, value):
        body = json.dumps(value).encode()
        self._send(status, body, {"Content-Type": "application/json"}, len(body))

    def _send(self, status, body, headers, length):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _name(path: str) -> str:
    return urllib.parse.unquote(path.partition("/o/")[2])
