"""The XML API of Cloud Storage over what a double holds: what delta-rs reads by."""

import contextlib
import http.server
import json
import urllib.parse
from collections.abc import Iterator
from email.utils import formatdate
from xml.sax.saxutils import escape

from helpers.gcs_double import BUCKET, GcsDouble
from helpers.local_server import serving


@contextlib.contextmanager
def running_xml(double: GcsDouble) -> Iterator[dict[str, str]]:
    """Serve a double's objects until the block ends; gives what delta-rs needs."""
    handler = type("Handler", (_Handler,), {"double": double})
    with serving(handler) as host:
        account = {
            "gcs_base_url": host,
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
        key = json.dumps(account)
        yield {"google_service_account_key": key, "allow_http": "true"}


class _Handler(http.server.BaseHTTPRequestHandler):
    double: GcsDouble
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        bucket, _, name = urllib.parse.unquote(path).removeprefix("/").partition("/")
        assert bucket == BUCKET
        if name:
            return self._object(name)
        asked = dict(urllib.parse.parse_qsl(query))
        names, _ = self.double.page(asked.get("prefix", ""), "")
        names = [one for one in names if one > asked.get("start-after", "")]
        self._send(200, _listing(names, self.double).encode(), {})

    do_HEAD = do_GET

    def log_message(self, format, *args):
        """Keep the test output clean."""

    def _object(self, name):
        found = self.double.find(name)
        if found is None:
            return self._send(404, b"", {})
        data, status = found.data, 200
        headers = {"ETag": f'"{found.generation}"', "Last-Modified": formatdate(0)}
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start = int(first) if first else len(data) - int(last)
            end = int(last) + 1 if first and last else len(data)
            end = min(end, len(data))
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
            data, status = data[start:end], 206
        self._send(status, data, headers)

    def _send(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _listing(names: list[str], double: GcsDouble) -> str:
    contents = "".join(
        f"<Contents><Key>{escape(name)}</Key><Size>{len(double.content(name))}</Size>"
        "<LastModified>2026-01-02T03:04:05.678Z</LastModified>"
        f'<ETag>"{name}"</ETag></Contents>'
        for name in names
    )
    return f"<ListBucketResult>{contents}</ListBucketResult>"
