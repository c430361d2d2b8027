"""Cases after bugs that people report of neighbouring tools, by the whole program.

No image is lost, no value is, and what cannot be read is told before the run.
"""

import shutil

import pytest
from helpers.shared_data import SHARED
from helpers.tiny_models import tiny_model_file
from helpers.whole_runs import run_whole

CASES = SHARED.resolve() / "bug_cases"


@pytest.fixture(scope="module")
def model(models_loaded_once, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    path.write_bytes(tiny_model_file())
    return path


@pytest.fixture
def run(model, tmp_path):
    """Runs `musiq score --input ... --output LEDGER` in the folder of a case."""

    def run_case(case, *arguments):
        arguments = ("--input", *arguments)
        return run_whole(CASES / case, tmp_path / "ledger", model, *arguments)

    return run_case


def test_stray_quote(run):
    captions = run("stray_quote", "captions.tsv")
    assert captions.told == {"named": 4, "listed": 4, "scored": 4}
    assert captions.column("caption") == ['"hello there', "plain", 'world"', "end"]


def test_open_quote(run):
    refused = run("stray_quote", "open_quote.csv")
    assert refused.code == 2
    assert f"{CASES}/stray_quote/open_quote.csv: row 2 (line 3) opens" in refused.error


@pytest.mark.parametrize(
    ("name", "column", "values"),
    [
        ("samples.tar", "licence", [None, "CC0"]),
        ("columns-*.parquet", "b", [None, "kept"]),
        ("fields-*.parquet", "meta", [{"a": 1, "b": None}, {"a": 2, "b": "y"}]),
    ],
)
def test_later_columns(run, name, column, values):
    ended = run("later_columns", name)
    assert ended.told == {"named": 2, "listed": 2, "scored": 2}
    assert ended.column(column) == values


def test_dictionary_images(run):
    ended = run("dictionary_images", "images.parquet")
    assert ended.told == {"named": 2, "listed": 2, "scored": 2}
    assert ended.column("label") == [1, 2]


def test_jpeg_without_end_mark(run):
    ended = run("jpeg_without_end_mark", "photos")
    assert ended.told == {"named": 4, "listed": 4, "scored": 3, "failed": 1}
    cut, *whole = ended.rows.values()
    assert (cut["key"], cut["failure"]) == ("cut.jpg", "truncated")
    assert [row["key"] for row in whole] == ["ok.jpg", "trailer.jpg", "zeros.jpg"]
    assert len({row["musiq_tiny"] for row in whole}) == 1


def test_reserved_column_names(run):
    ended = run("reserved_column_names", "manifest.csv")
    assert ended.told == {"named": 2, "listed": 2, "scored": 2}
    for name, values in {
        "input_key": ["k1", "k2"],
        "input_width": ["64", "64"],
        "input_height": ["48", "48"],
        "input_status": ["success", "success"],
        "label": ["x", "y"],
        "key": ["a.jpg", "b.jpg"],
    }.items():
        assert ended.column(name) == values
    renamed = ended.summary["renamed"]
    assert renamed == {n: f"input_{n}" for n in ("key", "width", "height", "status")}


def test_img2dataset_parquet_output(run):
    ended = run("img2dataset_parquet_output", "00000.parquet")
    assert ended.told == {"named": 120, "listed": 15, "scored": 15, "left_out": 105}
    assert ended.left_out == {"failed downloads of img2dataset": 105}
    assert set(ended.column("input_status")) == {"success"}


def test_side_files_in_a_tar(run):
    ended = run("side_files", "mac.tar")
    assert ended.told == {"named": 120, "listed": 60, "scored": 60, "left_out": 60}
    assert ended.left_out == {"AppleDouble files (._*)": 60}


def test_side_files_in_a_folder(run):
    ended = run("side_files", "export")
    assert ended.told == {"named": 102, "listed": 60, "scored": 60, "left_out": 42}
    assert ended.left_out == {
        "files of the system": 2,
        "sidecars of photo programs": 20,
        "videos": 20,
    }


def test_csv_long_row(run):
    ended = run("csv_long_row", "manifest.csv")
    assert ended.told == {"named": 3, "listed": 3, "scored": 3}
    first, long, last = ended.column("caption")
    assert (first, set(long), last) == ("x", {"y"}, "z")
    lines = (CASES / "csv_long_row" / "manifest.csv").read_text().splitlines()
    assert f"b.jpg,{long}" in lines


def test_dotted_names_in_tar(run):
    ended = run("dotted_names_in_tar", "samples.tar")
    assert ended.told == {"named": 2, "listed": 2, "scored": 2}
    assert ended.column("caption") == ["x", "y"]
    assert ended.column("key") == ["IMG.2024.01.05", "IMG.2024.01.06"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("metadata.jsonl", {"named": 1, "listed": 1, "scored": 1}),
        ("manifest.csv.gz", {"named": 1, "listed": 1, "scored": 1}),
        ("images.tfrec", {"named": 2, "listed": 2, "scored": 2}),
        ("images.tfrecord", {"named": 2, "listed": 2, "scored": 2}),
        ("images.tfrecord.gz", {"named": 2, "listed": 2, "scored": 2}),
        ("parts.parquet", {"named": 2, "duplicates": 1, "listed": 1, "scored": 1}),
    ],
)
def test_containers_that_were_taken_for_images_are_read(run, name, told):
    flags = ["--uri_column", "file_name"] if name == "metadata.jsonl" else []
    assert run("containers_taken_for_images", name, *flags).told == told


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("photos.zip", "is a ZIP archive, which is not read: unpack it, or pack it as"),
        ("images.arrow", "is an Arrow file, which is not read: write it as .parquet"),
        ("shards", "its files hold many images each; name them by"),
    ],
)
def test_containers_that_are_not_read_are_refused(run, name, advice):
    refused = run("containers_taken_for_images", name)
    assert refused.code == 2
    assert f"{CASES}/containers_taken_for_images/{name}" in refused.error
    assert advice in refused.error


@pytest.mark.parametrize("follow", [False, True])
def test_linked_folder(model, tmp_path, follow):
    shutil.copytree(CASES / "linked_folder", tmp_path / "case")
    (tmp_path / "case").chmod(0o755)
    (tmp_path / "case" / "photos").chmod(0o755)
    (tmp_path / "case" / "photos" / "linked").symlink_to("../other")
    flags = ["--follow_links"] if follow else []
    ended = run_whole(
        *(tmp_path / "case", tmp_path / "ledger", model, "--input", "photos", *flags)
    )
    if follow:
        assert ended.told == {"named": 2, "listed": 2, "scored": 2}
        assert list(ended.rows) == ["photos/a.jpg", "photos/linked/b.jpg"]
    else:
        assert ended.told == {"named": 2, "listed": 1, "scored": 1, "left_out": 1}
        assert ended.left_out == {
            "links to folders out of the input (--follow_links)": 1
        }


def test_tiff_with_alpha(run):
    ended = run("tiff_with_alpha", "photos")
    assert ended.told == {"named": 4, "listed": 4, "scored": 4}
    cmyk, grey_16, grey_premultiplied, rgb = ended.column("musiq_tiny")
    assert (cmyk, grey_16) == pytest.approx((rgb, grey_premultiplied), abs=1e-4)


@pytest.mark.parametrize("flags", [[], ["--image_column", "images"]])
def test_lists_of_images(run, flags):
    ended = run("images_in_other_columns", "lists.parquet", *flags)
    assert ended.told == {"named": 3, "listed": 3, "scored": 3}
    assert ended.column("q") == ["x", "x", "y"]
    assert len(set(ended.column("musiq_tiny"))) == 3


@pytest.mark.parametrize("name", ["numbers.parquet", "paths.parquet"])
def test_images_as_numbers_and_as_paths(run, name):
    ended = run("images_in_other_columns", name)
    assert ended.told == {"named": 1, "listed": 1, "scored": 1}


def test_twins_but_for_case(run):
    ended = run("twins_but_for_case", "manifest.parquet", "--uri_column", "URL")
    assert ended.told == {"named": 1, "listed": 1, "scored": 1}
    [row] = ended.rows.values()
    assert (row["input_WIDTH"], row["input_HEIGHT"], row["TEXT"]) == (640, 480, "x")
    assert ended.summary["renamed"] == {
        name: f"input_{name}" for name in ("WIDTH", "HEIGHT")
    }
    names = [name.casefold() for name in row]
    assert len(set(names)) == len(names)


def test_encodings(run):
    ended = run("encodings", "utf16.csv")
    assert ended.told == {"named": 1, "listed": 1, "scored": 1}
    assert ended.column("label") == ["café"]
    refused = run("encodings", "latin1.csv")
    assert refused.code == 2
    assert f"{CASES}/encodings/latin1.csv: line 2 is not UTF-8 text" in refused.error
    assert "iconv -f LATIN1 -t UTF-8" in refused.error
