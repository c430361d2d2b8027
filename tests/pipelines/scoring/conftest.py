"""Resolving and listing inputs, with the images of their shards."""

import pyarrow as pa
import pytest
from helpers.carried_rows import carried_table
from helpers.gcs_double import running_double
from helpers.local_server import environment

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.storage.stores import make_store, use_store
from schemas.left_out import LeftOut, add_left_out


def list_all(*inputs: object, **settings) -> list[object]:
    resolved = resolve_inputs(
        [str(one) for one in inputs], **({"uri_column": "uri"} | settings)
    )
    found: list[object] = []
    for one in resolved:
        for named in list_input(one):
            found += list_shard(named) if isinstance(named, Shard) else [named]
    return found


def all_refs(*inputs: object, **settings) -> list[ImageRef]:
    found = list_all(*inputs, **settings)
    return [one for one in found if isinstance(one, ImageRef)]


def all_left_out(*inputs: object, **settings) -> dict[str, int]:
    found = list_all(*inputs, **settings)
    told = add_left_out(one for one in found if isinstance(one, LeftOut))
    return {one.reason: one.count for one in told}


def all_carried(*inputs: object, **settings) -> pa.Table:
    return carried_table(list_all(*inputs, **settings))


@pytest.fixture(scope="session")
def refs():
    """A function from inputs, as a user gives them, to the refs of all images."""
    return all_refs


@pytest.fixture(scope="session")
def left_out():
    """A function from inputs to how many files were left out, by reason."""
    return all_left_out


@pytest.fixture(scope="session")
def carried():
    """A function from inputs to the ledger's carried columns of all images."""
    return all_carried


@pytest.fixture
def double():
    """A double of gs:// that this process finds."""
    with (
        running_double() as (double, env),
        environment(env),
        use_store("gs", make_store("gs")),
    ):
        yield double
