"""The whole job, through the command line, on a model small enough to be quick."""

import hashlib
import os
import random
import shutil
import stat
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import (
    manifest_of,
    rows_by_key,
    run_here,
    run_musiq,
    table_of,
)
from helpers.shared_data import bad_inputs
from helpers.tiny_models import TINY, tiny_model_file
from PIL import Image

from musiq_core.images.decode import decode_image
from musiq_core.images.patches import extract_patches
from musiq_core.model_files.model_file import read_model_file
from musiq_core.programs.packed.scorer import PackedScorer
from pipelines.scoring.configure import read_models
from pipelines.scoring.device import Device
from pipelines.scoring.score import load_scorer

COUNTS = ("named", "duplicates", "listed", "scored", "failed")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    path.write_bytes(tiny_model_file())
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_images(folder, 40)
    return folder


@pytest.fixture(scope="module")
def scored(model, photos, tmp_path_factory):
    """The ledger of one plain run and its outcome."""
    ledger = tmp_path_factory.mktemp("runs") / "ledger"
    outcome = run_musiq(
        *("score", "--input", photos, "--output", ledger, "--model", model),
        *("--workers", 1, "--json"),
    )
    assert outcome.code == 0, outcome.err
    return ledger, outcome


def only_progress(lines: list[str]) -> bool:
    """A slow machine shows progress, which is no complaint."""
    return all("images done" in line or line == "listing inputs" for line in lines)


def counts_of(ledger) -> tuple:
    counts = manifest_of(ledger)["counts"]
    return tuple(counts[name] for name in COUNTS)


def test_the_job_gives_the_scores_of_direct_computation(scored, photos):
    ledger, _ = scored
    scorer = PackedScorer(read_model_file(tiny_model_file()))
    for name, row in rows_by_key(ledger).items():
        image = decode_image((photos / name).read_bytes())
        [score] = scorer.score([extract_patches(image.pixels, TINY.preprocessing)])
        assert abs(row["musiq_tiny"] - score.value) < 1e-5
        assert abs(row["musiq_tiny_std"] - score.std) < 1e-5
        assert len(row["musiq_tiny_distribution"]) == 5


def test_rows_say_what_was_read(scored, photos):
    ledger, _ = scored
    rows = rows_by_key(ledger)
    assert rows.keys() == {path.name for path in photos.iterdir()}
    row = rows["image-007.png"]
    data = (photos / "image-007.png").read_bytes()
    assert row["uri"] == str(photos / "image-007.png")
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert row["size_bytes"] == len(data)
    assert (row["format"], row["width"], row["height"]) == ("PNG", 111, 69)
    assert (row["frames"], row["orientation"], row["tokens"]) == (1, 1, 4 * 3 + 4 + 6)
    assert row["musiq_tiny_model"] == read_model_file(tiny_model_file()).digest


def test_the_manifest_names_every_file_with_its_digest(scored):
    ledger, outcome = scored
    manifest = manifest_of(ledger)
    for file in manifest["files"]:
        data = (ledger / file["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
        assert pq.read_metadata(ledger / file["path"]).num_rows == file["rows"]
    assert counts_of(ledger) == (40, 0, 40, 40, 0)
    assert outcome.summary["counts"] == manifest["counts"]
    scores = table_of(ledger).column("musiq_tiny").to_pylist()
    quantiles = manifest["score_quantiles"]["tiny"]
    assert quantiles["0.0"] == pytest.approx(min(scores))
    assert quantiles["1.0"] == pytest.approx(max(scores))
    assert manifest["settings"]["jpeg_dct"] == "fast"
    assert "pillow" in manifest["versions"]


def test_four_workers_shuffled_input_and_other_company_change_no_score(
    scored, model, photos, tmp_path
):
    ledger, _ = scored
    names = [path.name for path in photos.iterdir()]
    random.Random(0).shuffle(names)
    list_file = photos.parent / "shuffled.txt"
    list_file.write_text("".join(f"{photos}/{name}\n" for name in names[:25]))
    outcome = run_musiq(
        *("score", "--input", list_file, "--output", tmp_path / "ledger"),
        *("--model", model, "--workers", 4, "--json"),
    )
    assert outcome.code == 0, outcome.err
    assert only_progress(outcome.err.splitlines())
    expected = {row["uri"]: row["musiq_tiny"] for row in rows_by_key(ledger).values()}
    found = table_of(tmp_path / "ledger").to_pylist()
    assert len(found) == 25
    for row in found:
        assert abs(row["musiq_tiny"] - expected[row["uri"]]) < 1e-5


def test_every_bad_input_ends_in_an_allowed_outcome(model, tmp_path):
    for bad in bad_inputs():
        path = os.path.join(os.fsencode(tmp_path / "bad"), bad.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(bad.data)
    outcome = run_musiq(
        *("score", "--input", tmp_path / "bad", "--output", tmp_path / "ledger"),
        *("--model", model, "--model", f"again={model}", "--workers", 1, "--json"),
        *("--max_failure_rate", 1),
    )
    assert outcome.code == 0, outcome.err
    rows = rows_by_key(tmp_path / "ledger")
    assert len(rows) == len(bad_inputs())
    for bad in bad_inputs():
        row = rows[os.fsdecode(bad.name)]
        status = "score" if row["status"] == "scored" else f"dead:{row['failure']}"
        assert status in bad.allowed, row
        assert (row["musiq_tiny"] is None) == (status != "score")
        assert row["musiq_again"] == row["musiq_tiny"]
    counts = manifest_of(tmp_path / "ledger")["counts"]
    assert counts["scored"] + counts["failed"] == counts["listed"] == len(bad_inputs())


def test_repeats_give_one_row_and_the_first_mention_wins(model, photos, tmp_path):
    manifest = photos.parent / "repeats.csv"
    lines = [f"{photos}/image-00{i % 3}.png,{i}" for i in range(9)]
    manifest.write_text("\n".join(["uri,label", *lines, f"{photos}/absent.png,9"]))
    outcome = run_here(
        *("score", "--input", manifest, "--input", photos / "image-002.png"),
        *("--output", tmp_path / "ledger", "--model", model, "--workers", 1),
    )
    assert outcome.code == 0, outcome.err
    assert counts_of(tmp_path / "ledger") == (11, 7, 4, 3, 1)
    labels = {
        r["uri"][-7:]: r["label"] for r in table_of(tmp_path / "ledger").to_pylist()
    }
    assert labels == {"000.png": "0", "001.png": "1", "002.png": "2", "ent.png": "9"}


def test_orientation_and_dct_are_choices(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = encoded(noise(40, 90), "JPEG", exif=exif)
    (tmp_path / "photo.jpg").write_bytes(photo)
    scores = set()
    for choice in ([], ["--orientation", "ignore"], ["--jpeg-dct=accurate"]):
        ledger = tmp_path / f"ledger{len(scores)}"
        outcome = run_here(
            *("score", "--input", tmp_path / "photo.jpg", "--output", ledger),
            *("--model", model, "--workers", 1, *choice),
        )
        assert outcome.code == 0, outcome.err
        [row] = table_of(ledger).to_pylist()
        upright = "ignore" not in choice
        assert (row["width"], row["height"]) == ((40, 90) if upright else (90, 40))
        assert row["orientation"] == 6
        scores.add(row["musiq_tiny"])
    assert len(scores) == 3


def test_nothing_scored_is_exit_code_4_and_still_a_ledger(model, tmp_path):
    (tmp_path / "page.jpg").write_bytes(b"<html>404</html>")
    outcome = run_here(
        *("score", "--input", tmp_path / "page.jpg", "--output", tmp_path / "ledger"),
        *("--model", model, "--workers", 1),
    )
    assert outcome.code == 4
    assert "not_an_image" in outcome.out
    assert counts_of(tmp_path / "ledger") == (1, 0, 1, 0, 1)


def test_an_output_that_fails_in_mid_run_is_one_line_and_nothing_is_published(
    model, photos, tmp_path
):
    ledger = tmp_path / "ledger"
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from pipelines.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["score", "--input", photos, "--output", ledger, "--model", model]
    done = subprocess.run(
        [sys.executable, "-c", limited, *map(str, arguments), "--workers", "1"],
        capture_output=True,
        text=True,
        env=os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"},
    )
    assert done.returncode == 1
    *progress, line = done.stderr.splitlines()
    assert only_progress(progress)
    assert line.startswith(f"musiq score: error: cannot write {ledger}/")
    assert line.endswith("File too large")
    assert not (ledger / "_delta_log").exists()


@pytest.fixture
def wrong(model, photos, tmp_path):
    """Runs `musiq score` with one thing wrong and returns its one line."""

    def run(**changes) -> str:
        told = {
            "input": photos,
            "output": tmp_path / "ledger",
            "model": model,
        } | changes
        flags = [f"--{name}={value}" for name, value in told.items()]
        outcome = run_here("score", *flags, "--workers=1")
        assert outcome.code == 2, outcome.err
        assert outcome.out == ""
        assert not (tmp_path / "ledger" / "_delta_log").exists()
        return outcome.error

    return run


def test_wrong_use_is_one_line_that_names_the_thing_and_the_cure(
    wrong, model, tmp_path
):
    assert "absent: there is no such file or folder" in wrong(input="absent")
    assert "(glob) names no images" in wrong(input=tmp_path / "*.jpg")
    (tmp_path / "m.csv").write_text("path,label\na.jpg,1\n")
    assert "it has path, label" in wrong(input=tmp_path / "m.csv")
    (tmp_path / "c.csv").write_text("uri,c,c\na.jpg,1,2\n")
    assert "two columns named 'c'; rename" in wrong(input=tmp_path / "c.csv")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    assert "broken.parquet cannot be read" in wrong(input=tmp_path / "broken.parquet")
    assert "ftp:// is not read" in wrong(input="ftp://host/x.jpg")


def test_wrong_models_are_one_line(wrong, model, tmp_path):
    assert "absent.safetensors: No such file" in wrong(model="absent.safetensors")
    half = tmp_path / "half.safetensors"
    half.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    assert f"model file {half}: the file is damaged" in wrong(model=half)
    assert "'Nice-Name' must consist of a-z" in wrong(model=f"Nice-Name={model}")


def test_wrong_outputs_are_one_line(wrong, photos, tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "holiday.txt").write_text("x")
    message = wrong(output=tmp_path / "foreign")
    assert "is not a ledger: it holds 'holiday.txt'" in message
    assert "Not a directory" in wrong(output=tmp_path / "foreign/holiday.txt/ledger")
    assert "lies inside --input" in wrong(output=photos / "ledger")


def test_wrong_flags_are_one_line(wrong):
    assert "unknown flag --worker, did you mean --workers?" in wrong(worker=3)
    assert "unknown flag --moo" in wrong(moo=3)
    assert "max_pixels must be in 1.." in wrong(max_pixels=0)
    assert "argument --jpeg_dct: invalid choice: 'slow'" in wrong(jpeg_dct="slow")
    assert "max_pixels must be in 1..178956970" in wrong(max_pixels=10**12)
    message = wrong(direct_num_workers="many")
    assert "Beam refuses an option: argument --direct_num_workers: invalid" in message


def test_two_models_of_one_name_are_told_apart(model, photos, tmp_path):
    outcome = run_here(
        *("score", "--input", photos, "--output", tmp_path / "ledger"),
        *("--model", model, "--model", model),
    )
    assert outcome.code == 2
    assert f"--model tiny_a={model} --model tiny_b={model}" in outcome.error


def test_hyphens_are_accepted_and_beam_options_pass_through(model, photos, tmp_path):
    manifest = photos.parent / "hyphens.csv"
    manifest.write_text(f"path\n{photos}/image-001.png\n")
    outcome = run_here(
        *("score", "--input", manifest, "--uri-column", "path", "--workers=1"),
        *("--output", tmp_path / "ledger", "--model", model),
        *("--runner=DirectRunner", "--job_name", "nightly"),
    )
    assert outcome.code == 0, outcome.err


def test_a_replaced_model_file_fails_the_run(model, photos, tmp_path):
    path = tmp_path / "model.safetensors"
    shutil.copy(model, path)
    [pinned] = read_models([str(path)])
    path.write_bytes(tiny_model_file(name="other"))
    with pytest.raises(Exception, match="was replaced while the run was going on"):
        load_scorer(pinned, Device.CPU)


def test_published_files_are_readable_by_others(scored):
    ledger, _ = scored
    for file in manifest_of(ledger)["files"]:
        assert (ledger / file["path"]).stat().st_mode & stat.S_IRGRP


def test_too_many_failures_are_exit_code_3_and_leave_the_old_ledger(model, tmp_path):
    write_images(tmp_path / "photos", 3)
    for index in range(120):
        page = tmp_path / "photos" / f"page-{index}.jpg"
        page.write_bytes(b"<html>404</html>")
    arguments = ("score", "--input", tmp_path / "photos", "--model", model)
    outcome = run_musiq(*arguments, "--output", tmp_path / "ledger", "--workers", 2)
    assert outcome.code == 3
    again = run_here(*arguments, "--output", tmp_path / "ledger", "--workers", 1)
    assert again.code == 3
    assert "120 of 123 images failed" in again.err
    last = outcome.err.splitlines()[-1]
    assert last.startswith("musiq score: error: 120 of 123 images failed (120 not_an_")
    assert not (tmp_path / "ledger" / "_delta_log").exists()
    for run in (tmp_path / "ledger" / "runs").iterdir():
        assert str(run) in last + again.err
        assert pq.read_table(next(run.glob("*.parquet"))).num_rows == 123
