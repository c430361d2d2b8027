import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_shards import HUGGING_FACE, small_images, write_hugging_face

from pipelines.scoring.carried.layout import NOTHING
from pipelines.scoring.input import InputError
from pipelines.scoring.shards.image_column import find_image_column
from pipelines.scoring.shards.parquet_columns import carried_fields
from pipelines.scoring.shards.parquet_images import HeldImage
from pipelines.scoring.shards.parquet_shard import _in_step
from schemas.failures import Failure, ImageFailure


def test_every_row_is_an_image_keyed_by_its_path(refs, tmp_path):
    path = tmp_path / "train.parquet"
    write_hugging_face(path, [b"x"] * 7, group=3)
    found = refs(path)
    assert [ref.uri for ref in found] == [f"{path}#row={n}" for n in range(7)]
    assert [ref.key for ref in found] == [f"{n}.png" for n in range(7)]
    places = [(ref.part.row_group, ref.part.row) for ref in found]
    assert places == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert {ref.part.column for ref in found} == {"image.bytes"}
    assert {ref.size_bytes for ref in found} == {None}


def test_other_columns_are_carried_but_no_bytes(carried, tmp_path):
    path = tmp_path / "a.parquet"
    thumbnails = pa.array([{"bytes": b"t", "path": None}] * 2, HUGGING_FACE)
    write_hugging_face(
        path,
        [b"x", b"y"],
        label=[3, 4],
        width=[10, 20],
        tags=[["a"], []],
        thumbnail=thumbnails,
        mask=pa.array([b"1", b"2"]),
        colour=pa.array(["red", "blue"]).dictionary_encode(),
    )
    assert carried(path).to_pydict() == {
        "label": [3, 4],
        "input_width": [10, 20],
        "tags": [["a"], []],
        "thumbnail": [{"path": None}] * 2,
        "colour": ["red", "blue"],
    }


def test_img2dataset_images_are_keyed_by_their_key(refs, carried, tmp_path):
    path = tmp_path / "00000.parquet"
    columns = {"key": ["000", "001"], "jpg": [b"a", b"b"], "status": ["success"] * 2}
    pq.write_table(pa.table(columns), path)
    found = refs(path)
    assert [ref.key for ref in found] == ["000", "001"]
    assert {ref.part.column for ref in found} == {"jpg"}
    assert carried(path).to_pydict() == {"input_status": ["success"] * 2}


def test_images_without_a_name_are_keyed_by_file_and_row(refs, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"png": [b"a", b"b"]}), path)
    assert [ref.key for ref in refs(path)] == ["a.parquet#row=0", "a.parquet#row=1"]


def test_one_of_several_columns_of_images_can_be_named(refs, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"jpg": [b"a"], "png": [b"b"], "raw": [b"c"]}), path)
    with pytest.raises(InputError, match=r"\(jpg, png\): name one by --image_column"):
        refs(path)
    for name in ("jpg", "png", "raw"):
        [ref] = refs(path, image_column=name)
        assert ref.part.column == name
        assert ref.uri == f"{path}#row=0&column={name}"  # they are three images


def test_a_column_that_cannot_hold_images_is_told(refs, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"jpg": [b"a"], "label": [1]}), path)
    with pytest.raises(InputError, match="column 'label' holds no bytes"):
        refs(path, image_column="label")
    with pytest.raises(InputError, match="no column 'absent'; it has jpg, label"):
        refs(path, image_column="absent")


@pytest.mark.parametrize("end", ["parq", "pq", "PQ", "snappy.parquet"])
def test_parquet_files_have_other_names_too(refs, tmp_path, end):
    write_hugging_face(tmp_path / f"a.{end}", [b"x"])
    write_hugging_face(tmp_path / f"b.{end}", [b"y"])
    assert len(refs(tmp_path / f"a.{end}")) == 1
    assert len(refs(tmp_path / f"?.{end}")) == 2


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.list_(pa.uint8())), pa.fixed_shape_tensor(pa.uint8(), [2, 2])]
)
def test_arrays_of_pixels_are_told(refs, tmp_path, kind):
    path = tmp_path / "a.parquet"
    if isinstance(kind, pa.FixedShapeTensorType):
        storage = pa.array([[1, 2, 3, 4]], kind.storage_type)
        column = pa.ExtensionArray.from_storage(kind, storage)
    else:
        column = pa.array([[[1, 2], [3, 4]]], kind)
    pq.write_table(pa.table({"image": column}), path)
    with pytest.raises(InputError, match="arrays of pixels are not read"):
        refs(path)


def test_a_column_in_a_struct_can_be_named(refs, tmp_path):
    path = tmp_path / "a.parquet"
    inner = pa.struct({"left": pa.binary(), "right": HUGGING_FACE, "label": pa.int64()})
    values = [{"left": b"l", "right": {"bytes": b"r", "path": "r.png"}, "label": 1}]
    pq.write_table(pa.table({"views": pa.array(values, inner)}), path)
    [ref] = refs(path)
    assert (ref.key, ref.part.column) == ("r.png", "views.right.bytes")
    [ref] = refs(path, image_column="views.left")
    assert ref.uri == f"{path}#row=0&column=views.left"
    with pytest.raises(InputError, match=r"no column 'views\.middle'; it has views"):
        refs(path, image_column="views.middle")


def test_a_column_of_uris_makes_a_manifest_of_any_parquet(refs, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"uri": ["a.jpg"], "png": [b"a"]}), path)
    [ref] = refs(path)
    assert (ref.uri, ref.part) == (f"{tmp_path}/a.jpg", None)


def test_a_first_shard_that_is_damaged_costs_no_columns(refs, carried, tmp_path):
    (tmp_path / "0.parquet").write_bytes(b"PAR1 no")
    write_hugging_face(tmp_path / "1.parquet", [b"x"], label=[1])
    damaged, _ = refs(tmp_path / "*.parquet")
    assert damaged.refusal[0] is Failure.UNREADABLE
    assert carried(tmp_path / "*.parquet").to_pydict() == {"label": [None, 1]}


def test_shards_of_one_glob_have_the_columns_of_all(refs, carried, tmp_path):
    write_hugging_face(tmp_path / "0.parquet", [b"x"], label=[1])
    write_hugging_face(tmp_path / "1.parquet", [b"x"])
    write_hugging_face(tmp_path / "2.parquet", [b"x"], label=pa.array([2], pa.int32()))
    write_hugging_face(tmp_path / "3.parquet", [b"x"], label=["two"])
    pq.write_table(pa.table({"label": [1]}), tmp_path / "4.parquet")
    (tmp_path / "5.parquet").write_bytes(b"PAR1 no")
    found = refs(tmp_path / "*.parquet")
    labels = carried(tmp_path / "*.parquet").column("label").to_pylist()
    assert labels == ["1", None, "2", "two", None, None]
    assert [ref.refusal[0] for ref in found[4:]] == [Failure.UNREADABLE] * 2
    details = [ref.refusal[1] for ref in found[4:]]
    assert "no column holds images" in details[0]
    assert "cannot be read as Parquet" in details[1]


def test_a_damaged_file_is_told_in_one_line(refs, tmp_path):
    path = tmp_path / "a.parquet"
    write_hugging_face(path, small_images(3))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a\.parquet cannot be read") as caught:
        refs(path)
    assert "\n" not in str(caught.value)


def test_more_rows_than_bytes_are_not_believed(refs, tmp_path):
    path = tmp_path / "a.parquet"
    nulls = pa.nulls(100_000, pa.binary())
    pq.write_table(pa.table({"png": nulls}), path, compression="zstd")
    with pytest.raises(InputError, match="it claims 100000 rows in"):
        refs(path)


IMAGES = [
    [
        {"bytes": b"1", "path": "a.png", "alt": "A", "box": {"w": 1}, "tags": ["x"]},
        {"bytes": b"2", "path": "b.png", "alt": None, "box": {"w": 2}, "tags": []},
    ],
    [],
    [{"bytes": b"3", "path": "c.png", "alt": "C", "box": None, "tags": None}],
    None,
]
OWN = [
    {"alt": "A", "box": {"w": 1}, "tags": ["x"]},
    {"alt": None, "box": {"w": 2}, "tags": []},
    None,
    {"alt": "C", "box": None, "tags": None},
    None,
]


@pytest.mark.parametrize("group", [1, 4])
def test_what_a_list_says_of_each_image_goes_with_that_image(carried, tmp_path, group):
    table = pa.table({"images": IMAGES, "doc": ["p", "q", "r", "s"]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=group)
    found = carried(tmp_path / "a.parquet").to_pydict()
    assert found == {"images": OWN, "doc": ["p", "p", "q", "r", "s"]}


def test_images_one_a_row_and_several_a_row_carry_alike(carried, tmp_path):
    pq.write_table(pa.table({"image": IMAGES[2]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"image": IMAGES}), tmp_path / "1.parquet")
    found = carried(tmp_path / "*.parquet", image_column="image").to_pydict()
    assert found == {"image": [OWN[3], *OWN]}


def test_lists_in_a_struct_are_carried_whole(carried, refs, tmp_path):
    images = [{"bytes": b"1", "alt": "A"}, {"bytes": b"2", "alt": "B"}]
    pq.write_table(pa.table({"page": [{"images": images}]}), tmp_path / "a.parquet")
    alts = {"images": [{"alt": "A"}, {"alt": "B"}]}
    assert carried(tmp_path / "a.parquet").to_pydict() == {"page": [alts] * 2}


def test_other_bytes_in_a_list_of_images_are_told(tmp_path):
    thumbs = [{"bytes": b"1", "path": "a", "thumb": b"2", "alt": "A"}]
    schema = pa.table({"images": [thumbs]}).schema
    column = find_image_column(schema, None)
    assert column.name == "images"
    found = carried_fields(schema, column)
    assert found.left_out == (("images.thumb", "binary"),)
    assert [field.name for field in found.fields[0].type.value_type] == ["alt"]


def test_lists_of_bytes_alone_carry_nothing_of_their_own(carried, tmp_path):
    pq.write_table(pa.table({"images": [[b"1", b"2"]]}), tmp_path / "a.parquet")
    assert carried(tmp_path / "a.parquet").to_pydict() == {}


def test_a_file_of_bytes_of_no_usual_name_is_told_with_the_flag(refs, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1], "pixels": [b"x"], "in": [{"raw": b"x"}]}), path)
    told = (
        r"by --uri_column, or the one with the images \(pixels, in.raw\?\) by --image"
    )
    with pytest.raises(InputError, match=told):
        refs(path)
    assert len(refs(path, image_column="pixels")) == 1


@pytest.mark.parametrize(("rows", "images"), [(2, 1), (1, 2)])
def test_columns_of_different_lengths_are_damage(rows, images):
    read = [(0, row, (), NOTHING) for row in range(rows)]
    held = [[HeldImage()]] * images
    with pytest.raises(ImageFailure, match="its columns have different lengths"):
        list(_in_step(iter(read), iter(held)))
