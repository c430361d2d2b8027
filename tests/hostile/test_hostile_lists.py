"""Lists and manifests that name what must not be fetched, found out or told."""

import dataclasses
import http.server
import io
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.local_server import environment, serving
from helpers.run_musiq import rows_by_key
from hostile.seed_pictures import good_png
from hostile.watched_run import Watched, watch_musiq

from pipelines.storage import storage_for
from schemas.failures import Failure

TOKEN = "ya29.canary-of-a-token"
SECRET = "the content of a file that a list should not get at"
_LOOPBACK = ("'127.0.0.1'", "'::1'", "'localhost'")


class Listener(http.server.BaseHTTPRequestHandler):
    """Remembers who came, and sends everybody to a file."""

    requests: ClassVar[list[str]] = []

    def do_GET(self):
        self.requests.append(self.path)
        self.send_response(302)
        self.send_header("Location", "file:///etc/passwd")
        self.end_headers()

    do_HEAD = do_POST = do_PUT = do_CONNECT = do_GET

    def log_message(self, format, *args):
        """Keep the test output clean."""


@pytest.fixture(scope="module")
def listener() -> Iterator[str]:
    """Address of a server that must not be asked."""
    with serving(Listener) as address:
        yield address


def make_folder(folder: Path) -> Path:
    """A job's folder with one photo, beside a picture and a text of others."""
    photos = folder / "job" / "photos"
    photos.mkdir(parents=True)
    (photos / "good.png").write_bytes(good_png(1))
    (folder / "secret.png").write_bytes(good_png(2))
    (folder / "secret.txt").write_text(SECRET)
    return folder


def forbidden(listener: str) -> list[str]:
    """URIs of schemes that are not read, with something secret in each."""
    _, _, host = listener.partition("//")
    return [
        f"{listener}/x.jpg?X-Goog-Signature={TOKEN}",
        f"{listener}/x.jpg?a=b?token={TOKEN}",
        f"HTTP://{host}/x.jpg?{TOKEN}",
        f"https://{host}/y.jpg?sig={TOKEN}",
        f"http://169.254.169.254/latest/meta-data/?token={TOKEN}",
        f"http://metadata.google.internal/computeMetadata/v1/?token={TOKEN}",
        f"http://2130706433:{host.partition(':')[2]}/x.jpg?{TOKEN}",
        f"http://[::1]:{host.partition(':')[2]}/x.jpg?{TOKEN}",
        f"ftp://{host}/x.jpg?{TOKEN}",
        f"sftp://{host}/x.jpg?{TOKEN}",
        f"gopher://{host}/x.jpg?{TOKEN}",
        f"hdfs://{host}/x.jpg?{TOKEN}",
        f"git+ssh://{host}/x.jpg?{TOKEN}",
        f"jar+http://{host}/x.jpg?{TOKEN}",
        f"file://{host}/etc/passwd?{TOKEN}",
    ]


# These have no "://": they are names of files, which do not exist.
MERE_NAMES = (
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "pipe:touch canary",
    "file:/etc/passwd",
    "http:/127.0.0.1/x.jpg",
    " http://127.0.0.1/x.jpg",
    "|touch canary",
    "\\\\127.0.0.1\\share\\x.jpg",
)
# No bucket can have these names, so nobody is asked for them.
NO_BUCKETS = (
    *("gs://user@127.0.0.1/x.jpg", "gs://user:word@host:80/x.jpg", "gs:///x.jpg"),
    *("s3://user@host/x.jpg", "s3://127.0.0.1:80/x.jpg", "gs://../../etc/passwd"),
)
# What would lead out of the folder if it were unescaped, as it must not be.
ESCAPED = (
    "..%2f..%2fsecret.png",
    "%2e%2e/%2e%2e/secret.png",
    "..%252f..%252fsecret.png",
    "..\\..\\secret.png",
    "....//....//secret.png",
    "..\uff0f..\uff0fsecret.png",
    "~/secret.png",
    "$HOME/secret.png",
)


FORMULAS = ("=cmd()", "+1", "-1", "@SUM(1)", "\ttab", "=1\n=2", "\r", '"', "'=1")


def texts(folder: Path) -> list[str]:
    """Names of files that are no pictures; their content is nobody's business."""
    return [
        *("../../secret.txt", f"{folder}/job/../secret.txt"),
        *(f"file://{folder}/secret.txt", "file:///%65tc/passwd"),
        *("/etc/passwd", "/etc", "/dev/zero", "/proc/self/environ"),
    ]


def score(
    source: object, ledger: Path, model: Path, *more: object, env=None
) -> Watched:
    return watch_musiq(
        *("score", "--input", source, "--output", ledger, "--model", model),
        *("--workers", 1, *more),
        env=env,
    )


def outputs(watched: Watched, ledger: Path) -> bytes:
    """All that a run said and wrote, with the values of Parquet files unpacked."""
    parts = [watched.out, watched.err]
    for path in ledger.rglob("*"):
        if path.is_file():
            parts.append(path.read_bytes())
        if path.suffix == ".parquet":
            parts.append(str(pq.ParquetFile(path).read().to_pylist()).encode())
            parts.append(str(pq.read_schema(path).metadata).encode())
    return b"\n".join([*parts, *(str(path).encode() for path in ledger.rglob("*"))])


def connections_elsewhere(watched: Watched) -> list[str]:
    """Connections to other places than this machine."""
    return [
        event
        for event in watched.connections
        if not any(address in event for address in _LOOPBACK)
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListRun:
    """A run on a list and a manifest that hold all of the above.

    Attributes:
      rows: The ledger's rows by key.
      said: All that the run said and wrote.
    """

    watched: Watched
    folder: Path
    rows: dict[str, dict]
    said: bytes


@pytest.fixture(scope="module")
def list_run(listener, model, tmp_path_factory) -> ListRun:
    folder = make_folder(tmp_path_factory.mktemp("lists"))
    photos, ledger = folder / "job" / "photos", folder / "ledger"
    names = [*forbidden(listener), *NO_BUCKETS, *MERE_NAMES, *ESCAPED]
    names += [*texts(folder), "good.png"]
    (photos / "list.txt").write_text("\n".join(names))
    pictures = [f"{formula}.png" for formula in FORMULAS]
    for name in pictures:
        (photos / name).write_bytes(good_png(1))
    table = pa.table({"uri": pictures, "note": FORMULAS, "=x": FORMULAS})
    pq.write_table(table, photos / "formulas.parquet")
    watched = watch_musiq(
        *("score", "--input", photos / "list.txt"),
        *("--input", photos / "formulas.parquet"),
        *("--output", ledger, "--model", model, "--workers", 1),
        *("--max_failure_rate", 1),
        env={
            "HOME": str(folder),
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), listener),
        },
    )
    assert watched.code == 0, watched.err.decode()
    rows = rows_by_key(ledger)
    assert rows["good.png"]["status"] == "scored"
    return ListRun(
        watched=watched, folder=folder, rows=rows, said=outputs(watched, ledger)
    )


def test_no_name_in_a_list_makes_a_connection(list_run, listener):
    refused = {
        key: row["failure"] for key, row in list_run.rows.items() if "://" in row["uri"]
    }
    # Two of them differ by what is not told: they are one input.
    assert len(refused) == len(forbidden(listener)) - 1 + len(NO_BUCKETS)
    for name, failure in refused.items():
        unsafe = name in NO_BUCKETS and failure == Failure.UNSAFE_NAME
        assert unsafe or failure == Failure.FORBIDDEN_URI
    assert Listener.requests == []
    assert connections_elsewhere(list_run.watched) == []
    port = listener.rpartition(":")[2]
    assert not [event for event in list_run.watched.connections if port in event]


def test_what_only_looks_like_a_uri_is_the_name_of_a_file(list_run):
    failures = {list_run.rows[name]["failure"] for name in MERE_NAMES}
    assert failures == {Failure.NOT_FOUND}


def test_no_token_of_a_uri_reaches_any_output(list_run):
    assert b"169.254.169.254" in list_run.said  # a token there would be seen
    assert TOKEN.encode() not in list_run.said


def test_escaped_traversal_is_a_name_and_opens_nothing_outside(list_run):
    failures = {list_run.rows[name]["failure"] for name in ESCAPED}
    assert failures == {Failure.NOT_FOUND}
    opened = list_run.watched.opened
    assert any(str(list_run.folder / "job/photos/good.png") in e for e in opened)
    assert not any(str(list_run.folder / "secret.png") in e for e in opened)


def test_what_a_list_leads_to_is_never_quoted(list_run):
    """Whether a list may name any file of the machine is the job's business."""
    failed = {r["uri"] for r in list_run.rows.values() if r["status"] == "failed"}
    assert failed >= {f"{list_run.folder}/secret.txt", "/etc/passwd", "/dev/zero"}
    assert SECRET.encode() not in list_run.said
    assert b"root:" not in list_run.said


def test_parquet_keeps_formulas_exactly(list_run):
    for formula in FORMULAS:
        row = list_run.rows[f"{formula}.png"]
        assert (row["status"], row["note"], row["_x"]) == ("scored", formula, formula)
        assert row["uri"] == f"{list_run.folder}/job/photos/{formula}.png"


def test_no_token_is_told_when_the_run_is_refused(listener, model, tmp_path):
    folder = make_folder(tmp_path)
    source, ledger = folder / "job" / "photos" / "list.csv", folder / "ledger"
    names = [f"{listener}/{n}.jpg?{TOKEN}" for n in range(120)]
    source.write_text("\n".join(["uri", *names, "good.png"]))
    watched = score(source, ledger, model)
    assert watched.code == 3
    assert list(ledger.glob("journal/*/*.parquet"))
    said = outputs(watched, ledger)
    assert f"{listener}/0.jpg".encode() in said
    assert TOKEN.encode() not in said


def test_a_list_in_an_object_store_reads_no_local_file(gcs, listener, model, tmp_path):
    folder = make_folder(tmp_path)
    secret = folder / "secret.png"
    names = [
        *(str(secret), f"file://{secret}", f"FILE://localhost{secret}"),
        *("/etc/passwd", "../../../../../../etc/passwd", "//etc/passwd"),
        *(f"..{secret}", *forbidden(listener), "good.png"),
    ]
    table = io.BytesIO()
    pq.write_table(pa.table({"uri": names}), table)
    ledger = folder / "ledger"
    source = f"{gcs.uri}/hostile/lists/list.parquet"
    with environment(gcs.env):
        storage_for(source).write(source, table.getvalue())
        storage_for(source).write(f"{gcs.uri}/hostile/lists/good.png", good_png(1))
    watched = score(source, ledger, model, "--max_failure_rate", 1, env=gcs.env)
    assert watched.code == 0, watched.err.decode()
    rows = rows_by_key(ledger)
    assert rows["good.png"]["status"] == "scored"
    failures = {row["failure"] for key, row in rows.items() if key != "good.png"}
    assert failures == {Failure.FORBIDDEN_URI, Failure.NOT_FOUND}
    assert rows[str(secret)]["failure"] == Failure.FORBIDDEN_URI
    # A name with dots is an object's name; object stores have no folders to leave.
    assert rows["../../../../../../etc/passwd"]["failure"] == Failure.NOT_FOUND
    for path in (str(secret), "/etc/passwd"):
        assert not any(path in event for event in watched.opened)
    assert watched.connections
    assert connections_elsewhere(watched) == []
    assert Listener.requests == []
    assert TOKEN.encode() not in outputs(watched, ledger)
