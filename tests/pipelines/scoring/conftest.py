"""Resolving and listing inputs, with the images of their shards."""

import pytest

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard


def all_refs(*inputs: object, **settings) -> list[ImageRef]:
    resolved = resolve_inputs(
        [str(one) for one in inputs], **({"uri_column": "uri"} | settings)
    )
    found = []
    for one in resolved:
        for named in list_input(one):
            found += list_shard(named) if isinstance(named, Shard) else [named]
    return found


@pytest.fixture(scope="session")
def refs():
    """A function from inputs, as a user gives them, to the refs of all images."""
    return all_refs
