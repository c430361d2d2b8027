import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_images import write_images

from pipelines.scoring.input import InputError, InputKind
from pipelines.scoring.inputs import resolve_inputs


def kind(path) -> InputKind:
    [one] = resolve_inputs([str(path)], uri_column="uri")
    return one.kind


@pytest.fixture
def photos(tmp_path):
    write_images(tmp_path / "photos" / "deep", 2)
    write_images(tmp_path / "photos", 3)
    return tmp_path / "photos"


def test_a_folder_is_listed_to_the_bottom_with_keys_below_it(refs, photos):
    found = refs(photos)
    assert [ref.key for ref in found] == [
        *("deep/image-000.png", "deep/image-001.png"),
        *("image-000.png", "image-001.png", "image-002.png"),
    ]
    assert found[0].uri == f"{photos}/deep/image-000.png"
    assert found[0].listed.size_bytes == (photos / "deep/image-000.png").stat().st_size
    assert found[0].listed.modified_at.tzinfo is datetime.UTC


def test_globs_go_through_folders_and_name_what_they_match(refs, photos):
    assert len(refs(photos / "**" / "*.png")) == 5
    assert len(refs(photos / "*.png")) == 3
    [only] = refs(photos / "d*" / "image-00[!0].png")
    assert only.key == "deep/image-001.png"


def test_what_exists_is_taken_literally_before_it_is_a_glob(refs, tmp_path):
    write_images(tmp_path, 1)
    data = (tmp_path / "image-000.png").read_bytes()
    for name in ("b[ab].png", "ba.png", "bb.png", "star*.png", "start.png"):
        (tmp_path / name).write_bytes(data)
    assert [ref.key for ref in refs(tmp_path / "b[ab].png")] == ["b[ab].png"]
    assert [ref.key for ref in refs(tmp_path / "star*.png")] == ["star*.png"]
    assert len(refs(tmp_path / "b?.png")) == 2


def test_a_list_names_one_uri_a_line_relative_to_itself(refs, photos):
    file = photos / "list.txt"
    file.write_bytes(
        b"\xef\xbb\xbfimage-000.png\r\n\n"
        + f"{photos}/image-001.png\n".encode()
        + b"name with # and [1] and  spaces.png\nmissing.png"
    )
    found = refs(file)
    assert [ref.key for ref in found] == [
        "image-000.png",
        f"{photos}/image-001.png",
        "name with # and [1] and  spaces.png",
        "missing.png",
    ]
    assert found[0].uri == f"{photos}/image-000.png"
    assert found[2].uri == f"{photos}/name with # and [1] and  spaces.png"
    assert found[0].listed is None


def test_csv_columns_are_carried_as_the_text_they_are(carried, photos):
    file = photos / "manifest.csv"
    file.write_text('zip,uri,note\n007,image-000.png,"a, ""b""\nc"\n,image-001.png,\n')
    assert kind(file) is InputKind.CSV
    assert carried(file).to_pydict() == {
        "zip": ["007", ""],
        "note": ['a, "b"\nc', ""],
    }


def test_parquet_columns_keep_their_types(carried, photos):
    file = photos / "manifest.parquet"
    when = pa.array([1_700_000_000_123_456], pa.timestamp("us", tz="UTC"))
    colour = pa.array(["red"]).dictionary_encode()
    table = pa.table(
        {"path": ["image-000.png"], "when": when, "colour": colour, "n": [[1, 2]]}
    )
    pq.write_table(table, file)
    found = carried(file, uri_column="path")
    assert found.schema.field("colour").type == pa.string()
    assert found.select(["when", "n"]) == table.select(["when", "n"])


def test_columns_of_several_inputs_are_joined_and_missing_ones_are_null(
    refs, carried, photos
):
    (photos / "a.csv").write_text("uri,a\nimage-000.png,1\n")
    (photos / "b.csv").write_text("b,uri,a\n2,image-001.png,3\n")
    inputs = photos / "a.csv", photos / "b.csv", photos / "deep"
    assert carried(*inputs).to_pydict() == {
        "a": ["1", "3", None, None],
        "b": [None, "2", None, None],
    }
    found = refs(*inputs)
    assert [r.order for r in found] == [(0, 0), (1, 0), (2, 0), (2, 1)]


def test_names_that_must_not_be_opened_are_refs_with_a_refusal(refs, photos):
    file = photos / "list.csv"
    file.write_text('uri\nhttp://host/x.jpg?token=secret\n""\n')
    web, empty = refs(file)
    assert web.refusal[0] == "forbidden_uri"
    assert (web.uri, web.key) == ("http://host/x.jpg", "http://host/x.jpg")
    assert empty.refusal[0] == "unsafe_name"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "there is no such file or folder"),
        ("a*.jpg", None, r"\(glob\) names no images"),
        ("empty.txt", b"\n\n", r"\(list of URIs\) names no images"),
        ("binary.txt", b"\xff\xfe\x00", "is not such text to its end"),
        ("empty.csv", b"", "CSV manifest .* cannot be read"),
        ("header.csv", b"uri,label\n", "names no images"),
        ("ragged.csv", b"uri,a\nx,1,2\n", r"row 1 \(line 2\) has 3 values"),
        (
            "other.csv",
            b"path,label\na,1\n",
            "no column 'uri'; it has path, label.*--uri_column",
        ),
        ("twice.csv", b"uri,a,a\nx,1,2\n", "two columns named 'a'"),
        ("broken.parquet", b"PAR1 no", "Parquet manifest .* cannot be read"),
    ],
)
def test_inputs_that_cannot_be_listed_are_told_in_one_line(
    refs, tmp_path, name, content, message
):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        refs(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_is_told(refs, tmp_path):
    with pytest.raises(InputError, match=r"\(folder\) names no images"):
        refs(tmp_path)


def test_one_column_of_two_types_is_text(photos, carried):
    (photos / "a.csv").write_text("path,label\nimage-000.png,x\n")
    pq.write_table(pa.table({"path": ["a"], "label": [1]}), photos / "b.parquet")
    found = carried(photos / "a.csv", photos / "b.parquet", uri_column="path")
    assert found.to_pydict() == {"label": ["x", "1"]}
