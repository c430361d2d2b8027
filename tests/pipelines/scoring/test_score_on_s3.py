"""The whole job on s3://, through an emulator: score, run again, verify, clean."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.local_server import environment
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import facts_of, rows_by_key, run_here, run_musiq
from helpers.tiny_models import tiny_model_file

from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.storage import StorageError, storage_for
from schemas.delta.commits import commit_name

WHAT_A_STORE_DECIDES = {"uri", "generation", "modified_at", "run_id", "scored_at"}


@pytest.fixture
def job(s3, tmp_path):
    """A folder with photos and a model, in a bucket and on this machine."""
    write_images(tmp_path / "photos", 12)
    (tmp_path / "photos" / "b[ab]#?%20 .png").write_bytes(b"not an image")
    (tmp_path / "photos" / "empty.jpg").write_bytes(b"")
    (tmp_path / "model.safetensors").write_bytes(tiny_model_file())
    root = f"{s3.uri}/{tmp_path.name}"
    with environment(s3.env):
        for path in tmp_path.rglob("*.*"):
            name = path.relative_to(tmp_path)
            storage_for(root).write(f"{root}/{name}", path.read_bytes())
        yield root


def score(root, workers, run=run_here):
    outcome = run(
        *("score", "--input", f"{root}/photos", "--output", f"{root}/ledger"),
        *("--model", f"{root}/model.safetensors", "--workers", workers, "--json"),
    )
    assert outcome.code == 0, outcome.err
    return outcome.summary["counts"]


def read(uri: str) -> bytes:
    with storage_for(uri).open_read(uri) as file:
        return file.read()


def rows_on_s3(root: str, state: int) -> dict[str, dict]:
    manifest = facts_of(read(f"{root}/ledger/{commit_name(state)}"))
    files = [f"{root}/ledger/{file['path']}" for file in manifest["files"]]
    tables = [pq.read_table(io.BytesIO(read(uri))) for uri in files]
    return {row["key"]: row for row in pa.concat_tables(tables).to_pylist()}


def test_the_ledger_on_s3_equals_the_local_one_and_lives_on(job, tmp_path):
    local, remote = score(tmp_path, 1), score(job, 2, run_musiq)
    assert remote == local
    expected, first = rows_by_key(tmp_path / "ledger"), rows_on_s3(job, 0)
    assert len(first) == 14
    assert first.keys() == expected.keys()
    for key, row in first.items():
        for column, value in row.items():
            if column not in WHAT_A_STORE_DECIDES:
                near = pytest.approx(expected[key][column], abs=1e-5)
                assert value == (near if "musiq" in column else expected[key][column])

    storage = storage_for(job)
    storage.write(f"{job}/photos/image-001.png", encoded(noise(60, 60)))
    storage.delete(f"{job}/photos/image-002.png")
    again = score(job, 1)
    assert (again["carried_over"], again["scored"], again["failed"]) == (12, 1, 0)
    second = rows_on_s3(job, 1)
    assert second.keys() == first.keys() - {"image-002.png"}
    assert second["image-001.png"]["width"] == 60
    assert {k: v for k, v in second.items() if k != "image-001.png"} == {
        k: v for k, v in first.items() if k in second and k != "image-001.png"
    }

    verified = run_here("verify", "--ledger", f"{job}/ledger")
    assert verified.code == 0, verified.err
    cleaned = run_here(
        *("clean", "--ledger", f"{job}/ledger", "--keep", 1),
        *("--older_than_hours", 0.0001),
    )
    assert cleaned.code == 0, cleaned.err
    with pytest.raises(StorageError, match="no such object"):
        read(f"{job}/ledger/{commit_name(0)}")
    assert rows_on_s3(job, 1) == second


def test_wrong_s3_uses_are_one_line(job):
    model = f"{job}/model.safetensors"

    def message(given: str, model: str = model, run=run_here, **settings) -> str:
        arguments = ("--input", given, "--output", f"{job}/out", "--model", model)
        outcome = run("score", *arguments, **settings)
        assert outcome.code == 2
        return outcome.error

    assert "there is no such bucket" in message("s3://absent-bucket/photos/")
    assert "no such file or folder" in message(f"{job}/absent/")
    assert "there is no such object" in message(f"{job}/photos/", f"{model}x")
    no_key = {"AWS_PROFILE": "absent", "AWS_CONFIG_FILE": "/absent"}
    assert "check AWS_PROFILE" in message(f"{job}/photos/", run=run_musiq, env=no_key)


def test_a_glob_and_a_list_on_s3_name_objects(job):
    uri = f"{job}/list.txt"
    storage_for(uri).write(uri, f"photos/a b#1.jpg\n{job}/x.jpg\n/etc/passwd".encode())
    [glob, listed] = resolve_inputs([f"{job}/photos/*-00?.png", uri], uri_column="uri")
    assert len(list(list_input(glob))) == 10
    relative, absolute, local = list_input(listed)
    assert relative.uri == f"{job}/photos/a b#1.jpg"
    assert absolute.uri == f"{job}/x.jpg"
    assert local.refusal[0] == "forbidden_uri"
