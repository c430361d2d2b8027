"""The whole job on gs://, through an emulator, equals the job on local disk."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.local_server import environment
from helpers.make_images import write_images
from helpers.run_musiq import facts_of, run_musiq, table_of
from helpers.tiny_models import tiny_model_file

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.storage import storage_for
from schemas.delta.commits import commit_name

WHAT_A_STORE_DECIDES = {"uri", "generation", "modified_at", "run_id", "scored_at"}


@pytest.fixture
def bucket(gcs):
    """A URI to write to, in this process too."""
    with environment(gcs.env):
        yield gcs.uri


def read(uri: str) -> bytes:
    with storage_for(uri).open_read(uri) as file:
        return file.read()


def rows_of(table: pa.Table) -> dict[str, dict]:
    return {
        row["key"]: {k: v for k, v in row.items() if k not in WHAT_A_STORE_DECIDES}
        for row in table.to_pylist()
    }


def test_the_ledger_on_gcs_equals_the_local_one(gcs, bucket, tmp_path):
    write_images(tmp_path / "photos", 12)
    (tmp_path / "photos" / "b[ab]#?%20 .png").write_bytes(b"not an image")
    (tmp_path / "photos" / "empty.jpg").write_bytes(b"")
    (tmp_path / "model.safetensors").write_bytes(tiny_model_file())
    storage = storage_for(bucket)
    for path in (tmp_path / "photos").iterdir():
        storage.write(f"{bucket}/job/photos/{path.name}", path.read_bytes())
    storage.write(f"{bucket}/job/model.safetensors", tiny_model_file())

    def run(root, workers):
        return run_musiq(
            *("score", "--input", f"{root}/photos", "--output", f"{root}/ledger"),
            *("--model", f"{root}/model.safetensors", "--workers", workers, "--json"),
            env=gcs.env,
        )

    local, remote = run(tmp_path, 1), run(f"{bucket}/job", 2)
    assert local.code == remote.code == 0, remote.err
    assert remote.summary["counts"] == local.summary["counts"]
    manifest = facts_of(read(f"{bucket}/job/ledger/{commit_name(0)}"))
    tables = [
        pq.read_table(io.BytesIO(read(f"{bucket}/job/ledger/{file['path']}")))
        for file in manifest["files"]
    ]
    expected = rows_of(table_of(tmp_path / "ledger"))
    found = rows_of(pa.concat_tables(tables))
    assert len(found) == 14
    assert found.keys() == expected.keys()
    for key, row in found.items():
        for column, value in row.items():
            near = pytest.approx(expected[key][column], abs=1e-5)
            assert value == (near if "musiq" in column else expected[key][column])


def test_wrong_gcs_uses_are_one_line(gcs, bucket):
    model = f"{bucket}/wrong/model.safetensors"
    storage_for(model).write(model, tiny_model_file())

    def message(given: str, model: str = model) -> str:
        outcome = run_musiq(
            *("score", "--input", given, "--output", f"{bucket}/out", "--model", model),
            env=gcs.env,
        )
        assert outcome.code == 2
        return outcome.error

    assert "there is no such bucket" in message("gs://absent-bucket/photos/")
    assert "no such file or folder" in message(f"{bucket}/absent/")
    assert "there is no such object" in message(f"{bucket}/wrong/", f"{model}x")


@pytest.mark.parametrize("suffix", ["csv", "parquet", "txt"])
def test_a_list_on_gcs_names_objects_relative_to_itself(bucket, suffix):
    names = ["photos/a b#1.jpg", f"{bucket}/other/x.jpg", "/etc/passwd"]
    data = io.BytesIO()
    if suffix == "parquet":
        pq.write_table(pa.table({"uri": names, "label": [1, 2, 3]}), data)
    elif suffix == "csv":
        lines = [f"{name},{label}" for label, name in enumerate(names, 1)]
        data.write("\n".join(["uri,label", *lines]).encode())
    else:
        data.write("\n".join(names).encode())
    uri = f"{bucket}/lists/list.{suffix}"
    storage_for(uri).write(uri, data.getvalue())
    [one] = resolve_inputs([uri], uri_column="uri")
    refs = [named for named in list_input(one) if isinstance(named, ImageRef)]
    relative, absolute, local = refs
    assert relative.uri == f"{bucket}/lists/photos/a b#1.jpg"
    assert relative.key == "photos/a b#1.jpg"
    assert absolute.uri == f"{bucket}/other/x.jpg"
    assert local.refusal[0] == "forbidden_uri"
    if suffix == "parquet":
        assert [ref.carried for ref in (relative, absolute)] == [(1,), (2,)]
