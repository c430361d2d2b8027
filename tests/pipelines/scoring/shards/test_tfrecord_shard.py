import gzip
from collections import defaultdict

import pytest
from helpers.make_examples import serialized_example
from helpers.make_shards import small_images, write_tfrecord

from pipelines.records.tfrecord import write_record
from pipelines.scoring.input import InputError
from pipelines.scoring.reading.fetch import FetchedImage, fetch_image, fetch_together
from pipelines.scoring.reading.gather import _keyed
from schemas.failures import Failure


@pytest.mark.parametrize("feature", ["image/encoded", "image", "jpg"])
def test_a_record_is_read_as_the_image_in_it(refs, tmp_path, feature):
    images, path = small_images(4), tmp_path / "train.tfrecord-00000-of-00001"
    write_tfrecord(path, images, feature=feature)
    found = refs(path)
    assert [ref.uri for ref in found] == [f"{path}#{n}" for n in range(4)]
    assert [ref.key for ref in found] == [f"{path.name}#{n}" for n in range(4)]
    fetched = [fetch_image(ref, max_file_bytes=10**6) for ref in found]
    assert [one.data for one in fetched] == images
    assert [one.row.size_bytes for one in fetched] == [r.size_bytes for r in found]


def test_another_feature_can_be_named(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    write_tfrecord(path, [b"x"], feature="picture")
    [unnamed], [named] = refs(path), refs(path, image_column="picture")
    row = fetch_image(unnamed, max_file_bytes=99)
    assert row.failure is Failure.NOT_AN_IMAGE
    assert "--image_column" in row.failure_detail
    assert fetch_image(named, max_file_bytes=99).data == b"x"
    assert named.uri == f"{path}#0&column=picture"


def write_examples(path, *examples: dict[str, list]) -> None:
    with path.open("wb") as file:
        for features in examples:
            write_record(file, serialized_example(**features))


@pytest.mark.parametrize("packing", [None, gzip.compress])
def test_every_image_of_a_feature_is_a_row(refs, tmp_path, packing):
    path = tmp_path / "a.tfrecord"
    write_examples(
        path, {"image": [b"a", b"bb", b"c"]}, {"image": [b"d"]}, {"jpg": [b"e", b"f"]}
    )
    if packing:
        path.write_bytes(packing(path.read_bytes()))
    found = refs(path)
    names = ("0&item=0", "0&item=1", "0&item=2", "1", "2&item=0", "2&item=1")
    assert [ref.uri for ref in found] == [f"{path}#{name}" for name in names]
    assert [ref.key for ref in found] == [f"a.tfrecord#{name}" for name in names]
    by_piece = defaultdict(list)
    for ref in found:
        by_piece[tuple(key for key, _ in _keyed(ref, False)) or ref.uri].append(ref)
    fetched = [
        one
        for some in by_piece.values()
        for one in fetch_together(some, max_file_bytes=999)
    ]
    assert [one.data for one in fetched] == [b"a", b"bb", b"c", b"d", b"e", b"f"]
    assert [one.row.uri for one in fetched] == [ref.uri for ref in found]
    assert len(by_piece) == (1 if packing else 3)


def test_images_of_a_named_feature_are_rows_of_that_name(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    write_examples(path, {"views": [b"a", b"b"], "image": [b"c"]})
    assert [ref.uri for ref in refs(path, image_column="views")] == [
        f"{path}#0&item=0&column=views",
        f"{path}#0&item=1&column=views",
    ]


@pytest.mark.parametrize(
    "name", ["__key__", "key", "image/filename", "filename", "image/source_id"]
)
def test_a_record_is_keyed_by_the_name_it_has(refs, tmp_path, name):
    path = tmp_path / "a.tfrecord"
    write_examples(
        path,
        {"image": [b"x"], name: ["Zoë.jpg".encode()]},
        *({"image": [b"x"], name: value} for value in ([b"\xff"], [3], [b"a", b"b"])),
        {"image": [b"x"], name: [b""]},
    )
    keys = [ref.key for ref in refs(path)]
    assert keys == ["Zoë.jpg", *(f"a.tfrecord#{n}" for n in range(1, 5))]


@pytest.mark.parametrize("end", ["tfrec", "TFREC", "tfrecords", "tfrec-00000-of-00001"])
def test_files_of_records_have_other_names_too(refs, tmp_path, end):
    write_tfrecord(tmp_path / f"a.{end}", [b"x"])
    [ref] = refs(tmp_path / f"a.{end}")
    assert fetch_image(ref, max_file_bytes=99).data == b"x"


def test_a_damaged_record_is_listed_and_costs_no_other(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    write_tfrecord(path, [bytes(300)] * 3)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = refs(path)
    fetched = [fetch_image(ref, max_file_bytes=999) for ref in found]
    assert [isinstance(one, FetchedImage) for one in fetched] == [True, False, True]


def failure_of(refs, path) -> Failure:
    [ref] = refs(path)
    return fetch_image(ref, max_file_bytes=1000).failure


def test_a_damaged_record_never_reaches_the_decoder(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    write_tfrecord(path, [bytes(300)])
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    assert failure_of(refs, path) is Failure.READ_ERROR


def test_a_record_that_is_no_example_is_no_image(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    with path.open("wb") as file:
        write_record(file, b"\xff\xd8 a bare JPEG")
    assert failure_of(refs, path) is Failure.NOT_AN_IMAGE


def test_an_image_feature_of_numbers_is_no_image(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    with path.open("wb") as file:
        write_record(file, serialized_example(image=[1, 2, 3]))
    assert failure_of(refs, path) is Failure.NOT_AN_IMAGE


def test_a_large_record_is_refused_unread(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    write_tfrecord(path, [bytes(2000)])
    assert failure_of(refs, path) is Failure.TOO_LARGE


def test_a_file_cut_inside_a_record_keeps_the_others_and_says_so(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    write_tfrecord(path, [bytes(100)] * 3)
    path.write_bytes(path.read_bytes()[:-5])
    first, second, shard = refs(path)
    assert (first.refusal, second.refusal) == (None, None)
    assert (shard.uri, shard.refusal[0]) == (str(path), Failure.TRUNCATED)


def test_another_file_is_told_in_one_line(refs, tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(bytes(range(100)))
    with pytest.raises(InputError, match="this is no TFRecord file"):
        refs(path)


@pytest.mark.parametrize("packing", [None, gzip.compress])
def test_features_beside_the_image_are_carried_in_their_types(
    carried, tmp_path, packing
):
    path = tmp_path / "a.tfrecord"
    write_examples(
        path,
        *(
            {
                **{"image": [b"\xff"], "label": [3], "score": [0.1], "box": [0.5, 1.0]},
                **{"text": ["Zoë".encode()], "mask": [b"\xff"], "filename": [b"a.jpg"]},
            },
            {"image": [b"\xff", b"\xfe"], "label": [2**63 - 1], "box": [0.25]},
            {"image": [b"\xff"], "later": [b"x", b"y"], "label": []},
        ),
    )
    if packing:
        path.write_bytes(packing(path.read_bytes()))
    table = carried(path)
    assert {field.name: str(field.type) for field in table.schema} == {
        "box": "list<item: float>",
        "label": "int64",
        "later": "list<item: string>",
        "score": "float",
        "text": "string",
    }
    assert table.to_pydict() == {
        "box": [[0.5, 1.0], [0.25], [0.25], None],
        "label": [3, 2**63 - 1, 2**63 - 1, None],
        "later": [None, None, None, ["x", "y"]],
        "score": [pytest.approx(0.1), None, None, None],
        "text": ["Zoë", None, None, None],
    }
