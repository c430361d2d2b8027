"""Tables as text and as parts: read to the last character, or refused with the row."""

import gzip
import itertools
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.make_shards import tar_of, write_renamed

from pipelines.scoring.input import InputError, InputKind
from pipelines.scoring.inputs import resolve_inputs
from schemas.failures import Failure

CSV = b"uri,caption\na.jpg,x\nb.jpg,y\n"


def packed(data: bytes) -> bytes:
    """Packed without the time, which would be in the names of tests."""
    return gzip.compress(data, mtime=0)


def zst(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


def streamed_zst(*frames: bytes) -> bytes:
    packed = b""
    for frame in frames:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(frame)
        packed += sink.getvalue().to_pybytes()
    return packed


@pytest.mark.parametrize(
    ("name", "content", "captions"),
    [
        ("a.tsv", b'uri\tcaption\na\t"x\nb\ty"\r\nc\t"z"\n', ['"x', 'y"', '"z"']),
        ("a.tsv", b"uri\tcaption\r\na\tx,y\r\n\r\nb\t\r\n", ["x,y", ""]),
        ("a.csv", b'uri,caption\r\na,"x, ""y""\r\nz"\r\n', ['x, "y"\r\nz']),
        ("a.csv", b"\xef\xbb\xbfuri,caption\na,x\n\nb,y", ["x", "y"]),
        ("a.csv", b"uri,caption\na,x\0y\n", ["x\0y"]),
        ("a.csv", b'uri,caption\na,5"x\n', ['5"x']),
        ("a.csv", b"uri,caption\na," + b"y" * 2_200_000 + b"\n", ["y" * 2_200_000]),
        ("a.csv", "uri,caption\na,café\n".encode("utf-16"), ["café"]),
        ("a.csv", b"\xfe\xff" + "uri,caption\na,é\n".encode("utf-16-be"), ["é"]),
        ("a.tsv", "uri\tcaption\na\té\n".encode("utf-16"), ["é"]),
        ("a.csv.gz", packed(CSV[:14]) + packed(CSV[14:]), ["x", "y"]),
        ("a.CSV.GZ", packed(CSV), ["x", "y"]),
        ("a.csv.zst", zst(CSV), ["x", "y"]),
        ("a.csv.zst", streamed_zst(CSV[:14], CSV[14:]), ["x", "y"]),
        ("a.jsonl", b'{"uri": "a", "caption": "x"}\n\n{"uri": "b"}\r\n', ["x", None]),
        ("a.ndjson.gz", packed(b'{"uri": "a", "caption": "x"}'), ["x"]),
    ],
    ids=itertools.count(),
)
def test_what_can_be_read_is_read_to_the_last_character(
    carried, tmp_path, name, content, captions
):
    (tmp_path / name).write_bytes(content)
    assert carried(tmp_path / name).to_pydict() == {"caption": captions}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            b'uri,c\na,x\nb,"7\nc,y\n',
            r"row 2 \(line 3\) opens a quote that is",
        ),
        ("a.csv", b'uri,c\na,x\nb,"7\nc,"y\n', r"row 2 \(line 3\) has text behind"),
        ("a.csv", b'uri,c\na,"x\ny"\nb\n', r"row 2 \(line 4\) has 1 values where the"),
        ("a.tsv", b"uri\tc\na\tx\ty\n", r"row 1 \(line 2\) has 3 values .*TSV has no"),
        ("a.csv", b"uri,c\na,x\nb,caf\xe9\n", r"line 3 is not UTF-8 .*0xe9.*iconv"),
        ("a.txt", b"a\ncaf\xe9\n", r"line 2 is not UTF-8 text \(byte 0xe9\)"),
        ("a.csv", "uri,c\n".encode("utf-16-le"), "UTF-16 without .* UTF-16LE"),
        ("a.txt", "a.jpg\n".encode("utf-16-be"), "UTF-16 without .* UTF-16BE"),
        ("a.csv", b"\xff\xfeu\0r\0i\0,", "begins as UTF-16 but is not such text"),
        ("a.csv.gz", packed(CSV * 99)[:-9], r"a\.csv\.gz cannot be read"),
        ("a.csv.gz", CSV, r"a\.csv\.gz cannot be read: Not a gzipped file"),
        ("a.csv.zst", CSV, r"a\.csv\.zst cannot be read"),
        ("a.csv.zst", streamed_zst(CSV * 99)[:-9], r"a\.csv\.zst cannot be read"),
        (
            "a.jsonl",
            b'{"uri": "a"}\n{"uri": \n',
            "line 2 is no JSON object .*one object",
        ),
        ("a.jsonl", b'{"uri": "a"}\n["b"]\n', "line 2 is no JSON object; write one"),
        ("a.jsonl", b'{"uri": "a", "x": 1, "x": 2}\n', "line 1 .* names 'x' twice"),
        ("a.jsonl", b'{"uri": 3}\n', "line 1 has int in 'uri', and URIs are text"),
        ("a.jsonl", b'{"file": "a"}\n', "no column 'uri'; it has file: .*--uri_column"),
        ("a.csv", b"uri,c,c\na,x,y\n", "two columns named 'c'; rename"),
        ("a.csv", packed(CSV), "no text but a compressed file: decompress it"),
        ("a.txt", b"a.jpg\rb.jpg\r", r"end in a carriage .* tr '\\r' '\\n'"),
        ("a.tsv", b"uri\tc\ra.jpg\tx\r", "lines that end in a carriage return alone"),
        ("a.tsv", b"PK\3\4\x14\0\6\0", "no text but a ZIP archive: unpack it"),
        ("a.jsonl", b"PAR1\x15\4PAR1", "no text but a Parquet file: give it a name"),
        ("a.txt.gz", packed(tar_of([("a", CSV)])), "gz is no text but a tar a"),
    ],
    ids=itertools.count(),
)
def test_what_cannot_be_read_is_told_with_file_and_row(
    refs, tmp_path, name, content, message
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        refs(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_begin_like_a_container_are_names(refs, tmp_path):
    (tmp_path / "a.txt").write_text("PAR1.jpg\nFEA1.jpg\n")
    (tmp_path / "b.tsv").write_text("ORC\turi\n1\ta.jpg\n")
    found = refs(tmp_path / "a.txt", tmp_path / "b.tsv")
    assert [ref.key for ref in found] == ["PAR1.jpg", "FEA1.jpg", "a.jpg"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"uri,caf\xe9\na,x\n"),
        ("a.tsv", b"caf\xe9\turi\nx\ta\n"),
        ("a.jsonl", b'{"uri": "a", "caf\xe9": 1}\n'),
        ("a.csv.gz", packed(b"uri,caf\xe9\na,x\n")),
    ],
)
def test_names_of_columns_that_are_no_utf_8_are_told(refs, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    told = rf"{name}: line 1 is not UTF-8 text \(byte 0xe9\); convert the file"
    with pytest.raises(InputError, match=told):
        refs(tmp_path / name)


@pytest.mark.parametrize(
    "columns",
    [
        {"uri": ["a"], "XXXX": [1]},
        {"XXXX": ["a"]},
        {"uri": ["a"], "meta": [{"ok": 1, "XXXX": 2}]},
        {"uri": ["a"], "meta": [[{"XXXX": {"a": 1}}]]},
        {"image": [b"x"], "XXXX": [1]},
        {"image": [{"bytes": b"x", "XXXX": "a"}]},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfea\0"])
def test_names_that_are_no_utf_8_in_parquet_are_told(refs, tmp_path, columns, name):
    write_renamed(tmp_path / "m.parquet", pa.table(columns), {"XXXX": name})
    told = rf"m\.parquet cannot be read: the name .* \({re.escape(repr(name))}\); write"
    with pytest.raises(InputError, match=told):
        refs(tmp_path / "m.parquet")


def test_a_shard_with_a_name_that_is_no_utf_8_costs_no_other(refs, tmp_path):
    table = pa.table({"image": [b"x"], "XXXX": [1]})
    write_renamed(tmp_path / "0.parquet", table, {"XXXX": b"caf\xe9"})
    pq.write_table(table, tmp_path / "1.parquet")
    lost, found = refs(tmp_path / "*.parquet")
    assert lost.refusal[0] is Failure.UNREADABLE
    assert "the name of a column is not UTF-8 text (b'caf\\xe9')" in lost.refusal[1]
    assert found.uri.endswith("1.parquet#row=0")


@pytest.mark.parametrize(
    ("uris", "told"),
    [
        (pa.array([1, 2]), "int64"),
        (pa.array([["a"], []]), "list<element: string>"),
        (pa.array([{"a": "b"}] * 2), "struct<a: string>"),
        (pa.array([b"a", b"b"]), "binary"),
    ],
)
def test_uris_of_another_type_are_told_with_file_column_and_type(
    refs, tmp_path, uris, told
):
    pq.write_table(pa.table({"uri": uris}), tmp_path / "m.parquet")
    with pytest.raises(
        InputError, match=r"m\.parquet: column 'uri' is .*URIs are text"
    ):
        refs(tmp_path / "m.parquet")
    with pytest.raises(InputError, match=told):
        refs(tmp_path / "m.parquet")


@pytest.mark.parametrize(
    "uris",
    [
        pa.array(["a", "b"], pa.large_string()),
        pa.array(["a", "b"], pa.string_view()),
        pa.array(["a", "b"]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_every_arrow_text_type_names_images(refs, tmp_path, uris):
    pq.write_table(pa.table({"uri": uris}), tmp_path / "m.parquet")
    assert [ref.key for ref in refs(tmp_path / "m.parquet")] == ["a", "b"]


def test_rows_without_a_uri_are_rows_that_fail_each_its_own(refs, carried, tmp_path):
    table = pa.table({"uri": ["a.jpg", None, "", None], "n": [1, 2, 3, 4]})
    pq.write_table(table, tmp_path / "m.parquet")
    (tmp_path / "m.csv").write_text("uri,n\na.jpg,1\n,2\n,3\n")
    (tmp_path / "m.jsonl").write_text('{"uri": "a"}\n{"uri": null}\n{"n": 1}\n')
    for name, count in (("m.parquet", 4), ("m.csv", 3), ("m.jsonl", 3)):
        named, *nameless = refs(tmp_path / name)
        assert named.refusal is None
        uris = [f"{tmp_path}/{name}#row={row}" for row in range(1, count)]
        assert [ref.uri for ref in nameless] == uris
        assert {ref.refusal for ref in nameless} == {
            (Failure.UNSAFE_NAME, "the row has no URI in 'uri'")
        }
    assert carried(tmp_path / "m.parquet").to_pydict() == {"n": [1, 2, 3, 4]}


def test_json_lines_keep_numbers_and_nested_values(carried, tmp_path):
    rows = [{"uri": "a", "n": 1, "x": {"y": [1]}}, {"uri": "b", "n": 2.5, "late": True}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert carried(tmp_path / "m.jsonl").to_pylist() == [
        {"n": 1.0, "x": '{"y": [1]}', "late": None},
        {"n": 2.5, "x": None, "late": True},
    ]


@pytest.mark.parametrize("pattern", ["*.csv", "{0..1}.csv", "*.parquet", "*.jsonl.gz"])
def test_many_manifests_by_one_name_are_read_in_order(refs, carried, tmp_path, pattern):
    for number in range(2):
        folder = tmp_path / "m"
        folder.mkdir(exist_ok=True)
        table = pa.table({"uri": [f"{number}.jpg"], "n": [str(number)]})
        pq.write_table(table, folder / f"{number}.parquet")
        (folder / f"{number}.csv").write_text(f"uri,n\n{number}.jpg,{number}\n")
        line = json.dumps({"uri": f"{number}.jpg", "n": str(number)})
        (folder / f"{number}.jsonl.gz").write_bytes(packed(line.encode()))
    found = refs(tmp_path / "m" / pattern)
    assert [ref.uri for ref in found] == [f"{tmp_path}/m/{n}.jpg" for n in range(2)]
    assert [ref.order for ref in found] == [(0, 0), (0, 1)]
    assert carried(tmp_path / "m" / pattern).to_pydict() == {"n": ["0", "1"]}


def test_a_part_that_is_no_manifest_is_told(refs, tmp_path):
    (tmp_path / "a.csv").write_text("uri\na.jpg\n")
    (tmp_path / "b.csv").write_text("path\na.jpg\n")
    with pytest.raises(InputError, match=r"b\.csv has no column 'uri'; it has path"):
        refs(tmp_path / "*.csv")


@pytest.mark.parametrize("name", ["parts.parquet", "table"])
def test_a_folder_of_parts_is_the_table_that_it_is(refs, carried, tmp_path, name):
    folder = tmp_path / name
    for number, day in enumerate(("mon", "__HIVE_DEFAULT_PARTITION__")):
        part = folder / f"day={day}"
        part.mkdir(parents=True)
        table = pa.table({"uri": [f"{tmp_path}/{number}.jpg"], "n": [number]})
        pq.write_table(table, part / f"part-{number:05d}.parquet")
    (folder / "_SUCCESS").write_bytes(b"")
    (folder / "day=mon" / ".part-00000.parquet.crc").write_bytes(b"x")
    [one] = resolve_inputs([str(folder)], uri_column="uri")
    assert (one.kind, one.is_many) == (InputKind.PARQUET, True)
    assert [ref.uri for ref in refs(folder)] == [
        f"{tmp_path}/1.jpg",
        f"{tmp_path}/0.jpg",
    ]
    assert carried(folder).to_pydict() == {"day": [None, "mon"], "n": [1, 0]}


def test_a_delta_table_is_not_taken_by_its_files(refs, tmp_path):
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    (tmp_path / "t" / "_delta_log" / "0.json").write_text("{}")
    with pytest.raises(InputError, match="t is a Delta table, whose files alone"):
        refs(tmp_path / "t")


@pytest.mark.parametrize("write", [pq.write_table, None])
def test_names_of_ledger_columns_and_twins_are_kept_apart(carried, tmp_path, write):
    names = ["uri", "key", "WIDTH", "status", "Caption", "caption", "input_key"]
    if write:
        write(pa.table({name: ["a"] for name in names}), tmp_path / "m.parquet")
    else:
        lines = [",".join(names), ",".join("a" for _ in names)]
        (tmp_path / "m.csv").write_text("\n".join(lines))
    found = carried(tmp_path / ("m.parquet" if write else "m.csv"))
    assert found.schema.names == [
        *("input_key_2", "input_WIDTH", "input_status"),
        *("Caption", "input_caption", "input_key"),
    ]
