import dataclasses

import pytest

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.planning.look_up import look_up, look_up_known
from pipelines.storage import StorageError, storage_for
from schemas.failures import Failure


def refs_of(uris):
    return [ImageRef(uri=u, key=u, order=(0, n)) for n, u in enumerate(uris)]


def test_what_exists_is_pinned_and_what_does_not_stays_open(tmp_path):
    for n in range(40):
        (tmp_path / f"{n}.jpg").write_bytes(b"x" * n)
    uris = [str(tmp_path / f"{n}.jpg") for n in range(50)]
    found = {ref.uri: ref for ref in look_up(refs_of(uris))}
    assert found.keys() == set(uris)
    for n, uri in enumerate(uris):
        assert found[uri].order == (0, n)
        assert found[uri].listed == storage_for(uri).stat(uri)
        assert (found[uri].listed is not None) == (n < 40)


def test_a_name_that_cannot_be_looked_at_is_left_to_reading(tmp_path):
    (tmp_path / "good.jpg").write_bytes(b"x")
    too_long = str(tmp_path / ("n" * 300))
    bad, good = look_up(refs_of([too_long, str(tmp_path / "good.jpg")]))
    assert bad.listed is None
    assert good.listed is not None


def test_a_store_that_is_down_ends_the_job(tmp_path):
    too_long = [str(tmp_path / (f"{n}" + "n" * 300)) for n in range(100)]
    with pytest.raises(StorageError, match="cannot look at"):
        look_up(refs_of(too_long))


def test_nothing_to_look_up_gives_nothing():
    assert look_up([]) == []


def test_only_what_may_be_kept_and_no_listing_told_of_is_looked_up(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    uri = str(tmp_path / "a.jpg")
    [ref] = refs_of([uri])
    [found] = look_up_known([ref], {uri})
    assert found.listed == storage_for(uri).stat(uri)
    refused = dataclasses.replace(ref, refusal=(Failure.FORBIDDEN_URI, "no"))
    for some, known in (([ref], set()), ([refused], {uri}), ([found], {uri})):
        assert look_up_known(some, known) == some
