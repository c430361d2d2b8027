"""The whole job on files of images gives what it gives on the same images as files."""

import io
from collections import defaultdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.local_server import environment
from helpers.make_shards import (
    small_images,
    tar_of,
    write_hugging_face,
    write_img2dataset,
    write_tfrecord,
)
from helpers.run_musiq import facts_of, run_here, run_musiq, table_of
from helpers.tiny_models import tiny_model_file

from pipelines.storage import storage_for
from schemas.delta.commits import commit_name

IMAGES = small_images(8)
BAD = b"not an image"
CAPTION = b'{"caption": "first"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight images as files and in shards of every kind, two images a shard."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / "model.safetensors").write_bytes(tiny_model_file())
    for name in ("files", "tar", "parquet", "tfrecord", "downloaded"):
        (folder / name).mkdir()
    for index, data in enumerate(IMAGES):
        (folder / "files" / f"{index}.png").write_bytes(data)
    for index in range(2):
        members = [(f"{n}.png", IMAGES[n]) for n in (2 * index, 2 * index + 1)]
        described = [("bad.jpg", BAD)] if index else [("0.json", CAPTION)]
        data = tar_of([*described, *members])
        (folder / "tar" / f"{index:03d}.tar").write_bytes(data)
    write_hugging_face(
        folder / "parquet" / "train.parquet", IMAGES[4:6], group=1, label=[7, 8]
    )
    write_tfrecord(folder / "tfrecord" / "a.tfrecord", IMAGES[6:7])
    rows = [("000", "success", IMAGES[7]), ("001", "failed_to_download", None)]
    write_img2dataset(folder / "downloaded", rows)
    return folder


INPUTS = (
    *("files", "tar/{000..001}.tar", "parquet/*.parquet", "tfrecord/a.tfrecord"),
    "downloaded/00000.parquet",
)


pytestmark = pytest.mark.slow


def arguments(root, ledger, *inputs: str) -> list[object]:
    return [
        *("score", "--output", ledger, "--json", "--workers", 1),
        *(part for one in inputs for part in ("--input", f"{root}/{one}")),
        *("--model", f"{root}/model.safetensors"),
    ]


def scores_by_digest(table: pa.Table) -> dict[str, list[float]]:
    """The scores of each image, by the digest of its bytes."""
    found = defaultdict(list)
    columns = (table.column(n).to_pylist() for n in ("sha256", "musiq_tiny"))
    for digest, score in zip(*columns, strict=True):
        if score is not None:
            found[digest].append(score)
    return found


def test_every_kind_of_shard_gives_the_scores_of_the_files(folder, tmp_path):
    ledger = tmp_path / "ledger"
    outcome = run_here(*arguments(folder, ledger, *INPUTS))
    assert outcome.code == 0, outcome.err
    counts = outcome.summary["counts"]
    assert (counts["listed"], counts["scored"], counts["failed"]) == (17, 16, 1)
    for scores in scores_by_digest(table_of(ledger)).values():
        assert len(scores) == 2
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    rows = {row["uri"].removeprefix(f"{folder}/"): row for row in rows_of(ledger)}
    member, row = rows["tar/000.tar#0.png"], rows["parquet/train.parquet#row=1"]
    assert (member["key"], member["caption"]) == ("0", "first")
    assert member["size_bytes"] == len(IMAGES[0])
    assert (row["key"], row["label"], row["size_bytes"]) == ("1.png", 8, len(IMAGES[5]))
    assert rows["tar/001.tar#bad.jpg"]["failure"] == "not_an_image"
    assert rows["tfrecord/a.tfrecord#0"]["status"] == "scored"
    downloaded = rows["downloaded/00000.tar#000.jpg"]
    assert (downloaded["key"], downloaded["input_width"]) == ("000", 32)
    assert outcome.summary["renamed"]["width"] == "input_width"
    assert run_here("verify", "--ledger", ledger).code == 0

    # Only the images of a shard that has changed are scored again.
    members = [("0.json", CAPTION), ("0.png", IMAGES[0]), ("new.png", IMAGES[1])]
    changed = tar_of(members)
    (folder / "tar" / "000.tar").write_bytes(changed)
    outcome = run_here(*arguments(folder, ledger, *INPUTS))
    counts = outcome.summary["counts"]
    assert (counts["scored"], counts["carried_over"], counts["dropped"]) == (2, 15, 1)
    again = {row["uri"].removeprefix(f"{folder}/"): row for row in rows_of(ledger)}
    assert "tar/000.tar#1.png" not in again
    assert again["tar/000.tar#new.png"]["sha256"] == rows["tar/000.tar#1.png"]["sha256"]
    assert again["tar/001.tar#2.png"] == rows["tar/001.tar#2.png"]


def rows_of(ledger) -> list[dict]:
    return table_of(ledger).to_pylist()


def test_shards_on_gcs_are_read_in_ranges(gcs, folder):
    root = f"{gcs.uri}/shards"
    ledger = f"{root}/ledger"
    with environment(gcs.env):
        for path in folder.rglob("*.*"):
            uri = f"{root}/{path.relative_to(folder)}"
            storage_for(uri).write(uri, path.read_bytes())
        listing = "tar/001.tar\ngs://elsewhere/s.tar\n"
        storage_for(root).write(f"{root}/list.txt", listing.encode())
        outcome = run_musiq(
            *arguments(root, ledger, "files", "list.txt", *INPUTS[2:]), env=gcs.env
        )
        assert outcome.code == 0, outcome.err
        manifest = facts_of(read(f"{ledger}/{commit_name(0)}"))
        tables = [
            pq.read_table(io.BytesIO(read(f"{ledger}/{file['path']}")))
            for file in manifest["files"]
        ]
    counts = outcome.summary["counts"]
    assert (counts["listed"], counts["scored"], counts["failed"]) == (16, 14, 2)
    assert manifest["failures"] == {"not_an_image": 1, "forbidden_uri": 1}
    twice = [s for s in scores_by_digest(pa.concat_tables(tables)).values() if s[1:]]
    assert len(twice) == 6
    for scores in twice:
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def read(uri: str) -> bytes:
    with storage_for(uri).open_read(uri) as file:
        return file.read()
