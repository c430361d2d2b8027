"""`musiq select --copy_to` and `--calibrate` as people type them."""

import io
import json
import tarfile

import pyarrow.parquet as pq
import pytest
from helpers.given_ledger import given_ledger
from helpers.kept_rows import files_below, kept_rows
from helpers.local_server import environment
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import run_here
from helpers.tiny_models import tiny_model_file

from pipelines.storage import storage_for

MODELS = {"koniq": {"score_range": [0.0, 100.0], "higher_is_better": True}}


@pytest.fixture
def ledger(tmp_path):
    """Ten photos, of which number n has the score n."""
    write_images(tmp_path / "photos", 10)
    rows = kept_rows(tmp_path / "photos")
    for row in rows:
        row["musiq_koniq"] = row.pop("musiq_tiny")
    return given_ledger(tmp_path / "ledger", rows, models=MODELS)


def select(ledger, *arguments):
    return run_here("select", "--ledger", ledger, *arguments, "--workers", 1)


def calibrate(ledger, *arguments):
    return run_here("select", "--ledger", ledger, "--calibrate", *arguments)


def test_the_kept_photos_are_copied_and_then_listed(ledger, tmp_path):
    kept, listed = tmp_path / "kept", tmp_path / "kept.jsonl"
    asked = (ledger, "--top_k", 3, "--copy_to", kept, "--output")
    done = select(*asked, listed, "--json")
    assert done.code == 0, done.err
    assert done.summary["copies"] == {
        **{"kept": 3, "copied": 3, "already_there": 0, "failed": 0, "reasons": {}}
    }
    names = [f"image-00{n}.png" for n in (7, 8, 9)]
    assert list(files_below(kept)) == names
    assert sorted(json.loads(line)["key"] for line in listed.open()) == names
    (kept / names[0]).unlink()
    again = select(*asked, tmp_path / "again.jsonl")
    assert again.code == 0
    assert "1 copied, 2 already there" in again.out
    assert list(files_below(kept)) == names
    assert (tmp_path / "again.jsonl").read_bytes() == listed.read_bytes()


def test_nothing_is_listed_as_long_as_a_photo_is_missing(ledger, tmp_path):
    kept, listed = tmp_path / "kept", tmp_path / "kept.txt"
    path = tmp_path / "photos" / "image-009.png"
    path.write_bytes(b"another photo")
    asked = (ledger, "--top_k", 3, "--copy_to", kept, "--output", listed)
    done = select(*asked)
    assert done.code == 3
    assert done.err.splitlines()[-1].startswith(
        "musiq select: error: 1 of 3 photos were not copied (1 changed); "
    )
    assert not listed.exists()
    assert len(files_below(kept)) == 2
    assert select(*asked, "--max_failure_rate", 0.5).code == 0
    assert len(listed.read_text().splitlines()) == 3


def test_a_dry_run_copies_nothing(ledger, tmp_path):
    done = select(ledger, "--top_k", 3, "--copy_to", tmp_path / "kept", "--dry_run")
    assert done.code == 0, done.err
    assert not (tmp_path / "kept").exists()


def test_a_training_set_has_scores_for_labels(ledger, tmp_path):
    kept = tmp_path / "kept"
    asked = (ledger, "--min", 8, "--copy_to", kept, "--copy_as", "training")
    assert select(*asked, "--label", "koniq").code == 0
    assert (kept / "labels.csv").read_text() == (
        "image,mos\nimages/image-008.png,8\nimages/image-009.png,9\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--copy_as", "parquet"), "--copy_as is for --copy_to: give that, too"),
        (("--copy_to", "{}/photos"), "is not empty: it holds 'image-000.png'"),
        (("--copy_to", "{}/photos/kept"), "is not apart from the photos in {}/photos/"),
        (
            ("--copy_to", "{}/ledger/kept"),
            "lies in the ledger; name a folder",
        ),
        (("--copy_to", "{}/x", "--copy_as", "training"), "a training set has a label"),
        (
            ("--copy_to", "{}/x", "--copy_as", "training", "--label", "konik"),
            "--label: the ledger has no column 'konik'",
        ),
        (("--copy_to", "{}/x", "--shard_mib", 0), "shard_mib must be positive, got 0"),
        (("--copy_to", "{}/x", "--runer", "x"), "unknown flag --runer"),
        (("--dry_run", "--runner", "PrismRunner"), "unknown flag --runner"),
        (("--copy_to", "ftp://x/y"), "names no folder: ftp:// is not read"),
        (("--dry_run", "--min_calibrated", 1), "--min_calibrated is for --calibration"),
        (("--calibrate", "x.csv", "--top_k", 3), "--top_k is not for --calibrate"),
        (
            ("--calibrate", "x.csv", "--wanted_precision", 90),
            "--wanted_precision must be between 0 and 1, got 90",
        ),
        (("--calibrate", "ava=x.csv"), "x.csv"),
    ],
)
def test_what_cannot_be_is_one_line(ledger, tmp_path, arguments, message):
    filled = [str(one).replace("{}", str(tmp_path)) for one in arguments]
    done = run_here("select", "--ledger", ledger, *filled)
    assert done.code == 2
    assert message.replace("{}", str(tmp_path)) in done.error
    assert not (tmp_path / "x").exists()


def test_labels_give_a_cut_and_a_map_that_a_selection_takes(tmp_path):
    rows = [{"musiq_koniq": float(n), "uri": f"/p/{n:03d}.jpg"} for n in range(300)]
    ledger = given_ledger(tmp_path / "ledger", rows, models=MODELS)
    labels, made = tmp_path / "labels.csv", tmp_path / "calibration.json"
    lines = [f"/p/{n:03d}.jpg,{int(n >= 100)}\n" for n in range(0, 300, 2)]
    labels.write_text("uri,keep\n" + "".join(lines))
    asked = (f"koniq={labels}", "--wanted_precision", 0.9)
    done = calibrate(ledger, *asked, "--calibration_output", made)
    assert done.code == 0, done.err
    assert "150 labelled photos with a score of koniq, 100 of them good" in done.out
    cut = json.loads(made.read_text())["cut"]
    assert f"--min koniq={cut:g}" in done.out
    assert calibrate(ledger, *asked, "--calibration_output", made).code == 2
    listed = tmp_path / "kept.parquet"
    done = run_here(
        *("select", "--ledger", ledger, "--calibration", made, "--output", listed),
        *("--min_calibrated", 0.5),
    )
    assert done.code == 0, done.err
    table = pq.read_table(listed)
    assert min(table.column("calibrated_koniq").to_pylist()) >= 0.5
    assert min(table.column("musiq_koniq").to_pylist()) == 99
    assert table.schema.names[-1] == "calibrated_koniq"
    done = run_here(
        *("select", "--ledger", ledger, "--calibration", made, "--dry_run"),
        *("--min_calibrated", 2),
    )
    assert done.error.endswith(
        "no score means so much; the calibration goes from 0 to 1"
    )
    told = calibrate(ledger, *asked, "--json")
    assert told.summary["proposed"]["cut"] == cut
    lines.append("/p/absent.jpg,1\n")
    labels.write_text("uri,keep\n" + "".join(lines))
    done = calibrate(ledger, *asked)
    assert (done.code, done.out) == (2, "")
    assert "1 of 151 label is of a photo that the ledger does not" in done.error


@pytest.fixture(params=["rows", pytest.param("job", marks=pytest.mark.slow)])
def scored(request, s3, tmp_path):
    """A bucket with six photos and the ledger of them, by a job or by hand."""
    root = f"{s3.uri}/{tmp_path.name}"
    with environment(s3.env):
        storage = storage_for(root)
        for number in range(6):
            data = encoded(noise(40, 30 + 9 * number, number))
            storage.write(f"{root}/photos/p{number}.png", data)
        if request.param == "rows":
            rows = kept_rows(f"{root}/photos/")
            for row in rows:
                row["musiq_koniq"] = row.pop("musiq_tiny")
            yield root, given_ledger(tmp_path / "ledger", rows, models=MODELS)
            return
        storage.write(f"{root}/model.safetensors", tiny_model_file())
        done = run_here(
            *("score", "--input", f"{root}/photos/", "--output", f"{root}/ledger"),
            *("--model", f"{root}/model.safetensors", "--workers", 1, "--quiet"),
        )
        assert done.code == 0, done.err
        yield root, f"{root}/ledger"


def test_from_a_bucket_to_shards_and_a_replaced_photo_is_told(scored):
    root, ledger = scored
    storage = storage_for(root)
    asked = ("--top_k", 5, "--copy_as", "webdataset", "--json", "--copy_to")
    done = select(ledger, *asked, f"{root}/kept")
    assert (done.code, done.summary["copies"]["copied"]) == (0, 5), done.err
    with storage.open_read(f"{root}/kept/000000.tar") as file:
        shard = file.read()
    with tarfile.open(fileobj=io.BytesIO(shard)) as tar:
        found = {one.name: tar.extractfile(one).read() for one in tar}
    said = [json.loads(v) for n, v in found.items() if n.endswith(".json")]
    assert len(said) == 5
    for one, name in zip(said, [n for n in found if n.endswith("png")], strict=True):
        with storage.open_read(one["uri"]) as file:
            assert file.read() == found[name]

    replaced = said[0]["uri"]
    storage.write(replaced, encoded(noise(50, 50, 9)))
    again = select(ledger, *asked, f"{root}/kept")
    assert again.summary["copies"]["already_there"] == 5
    other = select(ledger, *asked, f"{root}/other")
    assert other.code == 3
    assert other.summary["copies"]["reasons"] == {"changed": 1}
    inside = select(ledger, *asked, f"{root}/photos/kept")
    assert (inside.code, "is not apart from the photos" in inside.err) == (2, True)
