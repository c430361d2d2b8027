"""A copy that is killed leaves whole files alone, and running again makes it whole."""

import pytest
from helpers.given_ledger import given_ledger
from helpers.kept_rows import files_below, kept_rows
from helpers.make_images import encoded, noise
from helpers.run_musiq import run_here

MODELS = {"koniq": {"score_range": [0.0, 100.0], "higher_is_better": True}}
COUNT = 600
pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]


@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_a_killed_copy_goes_on(tmp_path, start_job, layout):
    photos, kept = tmp_path / "photos", tmp_path / "kept"
    photos.mkdir()
    for number in range(COUNT):
        data = encoded(noise(80, 90, number % 7)) + b"%d" % number
        (photos / f"{number:03d}.png").write_bytes(data)
    rows = kept_rows(photos)
    for row in rows:
        row["musiq_koniq"] = row.pop("musiq_tiny")
    ledger = given_ledger(tmp_path / "ledger", rows, models=MODELS)
    arguments = ("select", "--ledger", ledger, "--copy_as", layout, "--shard_mib", 1)
    whole = tmp_path / "whole"
    assert run_here(*arguments, "--copy_to", whole, "--workers", 1).code == 0
    wanted = files_below(whole)
    assert len(wanted) > 9
    job = start_job(*arguments, "--copy_to", kept, "--workers", 2)
    assert job.wait_until(lambda: len(_whole_files(kept)) >= 3)
    job.kill()
    found = _whole_files(kept)
    assert len(found) < len(wanted)
    assert found.items() <= wanted.items()
    done = run_here(*arguments, "--copy_to", kept, "--workers", 1, "--json")
    assert done.code == 0, done.err
    counts = done.summary["copies"]
    assert counts["already_there"] >= len(found)
    assert counts["copied"] + counts["already_there"] == COUNT
    assert _whole_files(kept) == wanted


def _whole_files(folder) -> dict[str, bytes]:
    """Files under their own names; those that are being written have others."""
    if not folder.exists():
        return {}
    found = files_below(folder)
    names = {name: name.rpartition("/")[2] for name in found}
    return {n: found[n] for n, last in names.items() if not last.startswith(".musiq-")}
