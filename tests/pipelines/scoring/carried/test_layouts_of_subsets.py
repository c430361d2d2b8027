"""Carried columns are those of what was listed, chosen or not, in any order."""

import itertools
import json

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.carried_rows import united
from helpers.make_shards import tar_of

from pipelines.scoring.carried.columns import CarriedColumns, unite_layouts
from pipelines.scoring.carried.layout import FoundLayout, Layout, add_layouts
from pipelines.scoring.choosing.choice import Choice
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from schemas.manifest import CountsError

ROWS = [{"n": 1, "a": "x"}, {"n": 2.5, "late": True}, {"n": 3}]
LIMIT = Choice(limit=1)


def write(folder, kind: str):
    """Three images that carry different things, in some kind of input."""
    path = folder / f"in.{kind}"
    if kind == "tar":
        members = []
        for number, row in enumerate(ROWS):
            said = json.dumps(row).encode()
            members += [(f"{number}.jpg", b"x"), (f"{number}.json", said)]
        path.write_bytes(tar_of(members))
    elif kind == "jsonl":
        lines = [json.dumps({"uri": f"{n}.jpg"} | r) for n, r in enumerate(ROWS)]
        path.write_text("\n".join(lines))
    elif kind == "csv":
        path.write_text("uri,n,a,late\n0.jpg,1,x,\n1.jpg,2.5,,true\n2.jpg,3,,\n")
    else:
        names = {"image": [b"x"] * 3} if kind == "parq" else {"uri": list("abc")}
        table = pa.table({**names, **pa.Table.from_pylist(ROWS).to_pydict()})
        pq.write_table(table, path, row_group_size=1)
    return path


@pytest.mark.parametrize("kind", ["tar", "jsonl", "csv", "parquet", "parq"])
def test_a_limit_loses_no_value_of_what_it_tries(carried, tmp_path, kind):
    path = write(tmp_path, kind)
    whole = carried(path)
    limited = carried(path, choice=LIMIT)
    assert limited.num_rows == 1
    assert set(limited.schema.names) <= set(whole.schema.names)
    for name in limited.schema.names:
        assert limited[name][0].as_py() == whole[name][0].as_py()
    assert limited["n"][0].as_py() is not None


@pytest.mark.parametrize(
    "choice", [Choice(sample=1), Choice(exclude=("*1*",)), Choice(include=("*0*",))]
)
@pytest.mark.parametrize("kind", ["tar", "jsonl", "parq"])
def test_a_choice_of_images_leaves_columns_and_types_as_they_are(
    carried, tmp_path, kind, choice
):
    path = write(tmp_path, kind)
    assert carried(path, choice=choice).schema == carried(path).schema


def found_in_parts(folder) -> list[tuple[FoundLayout, ...]]:
    """The layouts of three shards and a manifest, as four workers tell them."""
    types = [pa.int8(), pa.float32(), pa.string()]
    for number, data_type in enumerate(types):
        table = pa.table(
            {
                "image": [b"x"],
                "n": pa.array([number], pa.int8()).cast(data_type),
                "s": [{f"field_{number}": number}],
                f"own_{number}": [number],
            }
        )
        pq.write_table(table, folder / f"{number}.parquet")
    (folder / "list.csv").write_text("uri,N,n\na.jpg,1,2\n")
    parts = []
    named = [str(folder / "*.parquet"), str(folder / "list.csv")]
    for one in resolve_inputs(named, uri_column="uri"):
        for found in list_input(one):
            if isinstance(found, Shard):
                listed = list(list_shard(found))
                parts.append(tuple(x for x in listed if isinstance(x, FoundLayout)))
            elif isinstance(found, FoundLayout):
                parts.append((found,))
    return parts


def test_columns_do_not_depend_on_which_worker_is_first(tmp_path):
    parts = found_in_parts(tmp_path)
    expected = unite_layouts(add_layouts(parts))
    names = ["n", "s", "own_0", "own_1", "own_2", "input_N"]
    assert [field.name for field in expected.fields] == names
    assert [one.name for one in expected.fields[1].type] == [
        f"field_{n}" for n in range(3)
    ]
    for order in itertools.permutations(parts):
        first, *others = order
        nested = add_layouts([first, add_layouts(others)])
        assert unite_layouts(nested) == expected


LAYOUTS = st.builds(
    lambda names, kind, place: FoundLayout(
        layout=Layout(tuple(pa.field(name, kind) for name in names)), order=(0, place)
    ),
    st.lists(st.sampled_from("abcAB"), unique=True, max_size=3),
    st.sampled_from([pa.int8(), pa.int64(), pa.float32(), pa.string(), pa.null()]),
    st.integers(0, 3),
)


@hypothesis.given(st.lists(LAYOUTS, max_size=6), st.randoms(), st.integers(0, 6))
def test_layouts_are_added_up_in_any_order_and_grouping(found, random, cut):
    expected = unite_layouts(add_layouts([tuple(found)]))
    random.shuffle(found)
    parts = [add_layouts([tuple(found[:cut])]), tuple(found[cut:])]
    assert unite_layouts(add_layouts(parts)) == expected


def test_rows_whose_layout_was_lost_are_never_written_without_it(tmp_path):
    path = write(tmp_path, "csv")
    [one] = resolve_inputs([str(path)], uri_column="uri")
    listed = list(list_input(one))
    refs = [ref for ref in listed if isinstance(ref, ImageRef)]
    assert united(listed).table(refs).num_rows == 3
    with pytest.raises(CountsError, match="what listing told of carried columns"):
        CarriedColumns().table(refs)
