"""Inputs as the world has them, by the whole program: all is scored, failed or counted.

`told` requires each time that named = listed + duplicates + left out.
"""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_examples import serialized_example
from helpers.make_images import encoded, noise
from helpers.make_shards import tar_of
from helpers.make_tiffs import file_of, page_of
from helpers.tiny_models import tiny_model_file
from helpers.whole_runs import run_whole

from pipelines.records.tfrecord import write_record

IMAGES = [encoded(noise(24, 24, seed)) for seed in range(6)]
ALL = ("--max_failure_rate", 1)


@pytest.fixture(scope="module")
def model(models_loaded_once, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    path.write_bytes(tiny_model_file())
    return path


@pytest.fixture
def run(model, tmp_path):
    """Runs `musiq score --input ...` in a folder with some files."""

    def run_on(files, *arguments, ledger="ledger"):
        for name, data in files.items():
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(data, pa.Table):
                pq.write_table(data, path)
            else:
                path.write_bytes(data)
        arguments = ("--input", *arguments)
        return run_whole(tmp_path / "in", tmp_path / ledger, model, *arguments)

    return run_on


def records(*examples: dict) -> bytes:
    file = io.BytesIO()
    for one in examples:
        write_record(file, serialized_example(**one))
    return file.getvalue()


MESSY = {
    **{f"p/{name}": IMAGES[0] for name in ("a.jpg", "b.JPG", "x/c.jpg", ".d.jpg")},
    **{f"p/{name}": b"x" for name in ("x/Thumbs.db", "x/._c.jpg", "a.MOV", "a.md5")},
    **{f"p/{name}": b"<html>" for name in ("no suffix", "e.jpg", "@eaDir/a.jpg/T.jpg")},
}


def test_a_messy_folder_is_told_by_reason(run, tmp_path):
    (tmp_path / "in" / "p" / "x").mkdir(parents=True)
    (tmp_path / "in" / "p" / "x" / "loop").symlink_to("..")
    (tmp_path / "in" / "p" / "out").symlink_to("/usr")
    ended = run(MESSY, "p", "--exclude", ".*", *ALL)
    assert ended.told == {
        **{"named": 13, "listed": 5, "left_out": 8, "scored": 3, "failed": 2},
    }
    assert ended.left_out == {
        "--exclude .*": 1,
        "AppleDouble files (._*)": 1,
        "checksums": 1,
        "files of the system": 1,
        "folders of the system": 1,
        "links to folders that they lie in": 1,
        "links to folders out of the input (--follow_links)": 1,
        "videos": 1,
    }


def test_a_glob_is_counted_like_a_folder_and_what_is_named_twice_once(run):
    ended = run(MESSY, "p/*", "--input", "p/a.jpg", "--input", "p/../p/a.jpg", *ALL)
    assert ended.told == {
        **{"named": 9, "duplicates": 2, "listed": 5, "left_out": 2},
        **{"scored": 3, "failed": 2},
    }


def test_members_records_and_rows_are_images_or_counted(run):
    first = tar_of([("0.png", IMAGES[0]), ("._0.png", b"x"), ("0.npy", b"x")])
    second = tar_of([("1.png", IMAGES[1]), ("1.txt", b"one"), ("1.dng", b"x")])
    rows = [[IMAGES[4], None], [], list(IMAGES[5:])]
    ended = run(
        {
            "s.tar.gz": gzip.compress(first) + gzip.compress(second),
            "r.tfrecord.gz": gzip.compress(
                records({"image": IMAGES[2:4], "label": [7]}, {"image": [b"<html>"]})
            ),
            "t/day=1/part-0.parquet": pa.table(
                {"images": pa.array(rows, pa.list_(pa.binary())), "n": [1, 2, 3]}
            ),
            "t/_SUCCESS": b"",
        },
        *("s.tar.gz", "--input", "r.tfrecord.gz", "--input", "t", *ALL),
    )
    assert ended.told == {
        **{"named": 12, "listed": 10, "scored": 6, "failed": 4, "left_out": 2},
    }
    assert ended.left_out == {
        "AppleDouble files (._*)": 1,
        "members of archives that are no images": 1,
    }
    failures = {uri: row["failure"] for uri, row in ended.rows.items()}
    assert {uri: failure for uri, failure in failures.items() if failure} == {
        "r.tfrecord.gz#1": "not_an_image",
        "s.tar.gz#1.dng": "not_an_image",
        "t/day=1/part-0.parquet#row=0&item=1": "empty",
        "t/day=1/part-0.parquet#row=1": "empty",
    }
    assert ended.rows["s.tar.gz#1.png"]["txt"] == "one"
    assert ended.rows["r.tfrecord.gz#0&item=1"]["label"] == 7
    assert ended.rows["t/day=1/part-0.parquet#row=2&item=0"]["day"] == "1"
    assert len(set(ended.column("musiq_tiny")) - {None}) == 6


def test_rows_of_manifests_are_rows_whatever_they_say(run):
    lines = 'uri\tCaption\tcaption\na.png\t"x\té\n\t\t\nb.png\ty\tz\n./a.png\t1\t2\n'
    objects = [{"uri": "c.png", "Caption": 1, "width": 2}, {"n": [1], "uri": None}]
    images = dict(zip(("a.png", "b.png", "c.png"), IMAGES, strict=False))
    ended = run(
        {
            "m.tsv": lines.encode("utf-16"),
            "m.jsonl": "\n".join(map(json.dumps, objects)).encode(),
            **images,
        },
        *("m.tsv", "--input", "m.jsonl", *ALL),
    )
    assert ended.told == {
        **{"named": 6, "duplicates": 1, "listed": 5, "scored": 3, "failed": 2},
    }
    first = ended.rows["a.png"]
    assert (first["Caption"], first["input_caption"]) == ('"x', "é")
    assert ended.rows["c.png"]["Caption"] == "1"
    assert ended.rows["c.png"]["input_width"] == 2
    assert ended.rows["m.jsonl#row=1"]["n"] == "[1]"
    assert ended.rows["m.tsv#row=1"]["failure_detail"] == "the row has no URI in 'uri'"


def test_a_ledger_is_a_manifest_and_its_columns_are_kept_apart(run):
    first = run({"a.png": IMAGES[0], "m.csv": b"uri,label\na.png,x\n"}, "m.csv")
    again = run({}, "../ledger/**/*.parquet", ledger="second")
    assert again.told == {"named": 1, "listed": 1, "scored": 1}
    [old], [new] = first.rows.values(), again.rows.values()
    assert new["label"] == "x"
    for name in ("key", "sha256", "musiq_tiny", "run_id", "modified_at", "tokens"):
        assert new[f"input_{name}"] == old[name]


def test_what_stands_beside_a_picture_in_its_file_costs_no_score(run):
    pixels = noise(40, 40, 1)
    png, jpeg = encoded(pixels), encoded(pixels, "JPEG", quality=90)
    broken = b"\0\0\0\x03iCCPabc\0\0\0\0"
    small, body = page_of(pixels[:16, :16], photometric=2, tags={254: [1]})
    page, full = page_of(pixels, photometric=2, start=8 + len(body))
    ended = run(
        {
            "p/0.png": png,
            "p/1.png": png[:33] + broken + png[33:],
            "p/2.tif": file_of([small, page], body + full),
            "p/3.jpg": jpeg,
            "p/4.jpg": jpeg[:-2] + bytes(500),
            "p/5.jpg": jpeg[:-2] + b"trailer of a camera" * 9,
            "p/6.jpg": jpeg[: len(jpeg) // 2],
            "p/7.dng": file_of([{**small, 50706: b"\1\4\0\0"}], body),
            "p/8.ico": encoded(pixels, "ICO"),
        },
        *("p", *ALL),
    )
    png_score, *scores = ended.column("musiq_tiny")
    assert png_score is not None
    assert scores[:2] == [png_score] * 2
    assert scores[2] is not None
    assert scores[3:5] == [scores[2]] * 2
    failed = list(ended.rows.values())[6:]
    assert [row["failure"] for row in failed] == [
        *("truncated", "unsupported_format", "unsupported_format"),
    ]
    assert "camera raw (DNG)" in failed[1]["failure_detail"]
    assert "ICO" in failed[2]["failure_detail"]
