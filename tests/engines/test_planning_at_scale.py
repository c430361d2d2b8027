"""Photos by the million pass through listing and planning in bounded memory.

ENGINES=full takes the two million of the fault model's test design; a hundredth of them
otherwise. All are in the ledger and unchanged, so that nothing has to be scored.
"""

import os

import pytest
from helpers.run_musiq import manifest_of
from helpers.tiny_models import tiny_model_file

from tests.benchmarks.make_photos import photo
from tests.benchmarks.measure import measure
from tests.benchmarks.planning_inputs import write_ledger, write_links, write_manifest

pytestmark = [pytest.mark.engines, pytest.mark.timeout(3600)]

COUNT = 2_000_000 if os.environ.get("ENGINES") == "full" else 20_000
MANIFESTS = 4
CEILING_MIB = 4_096


def test_planning_two_million_photos_keeps_within_its_memory(tmp_path):
    model = tmp_path / "tiny.safetensors"
    model.write_bytes(tiny_model_file())
    uris = write_links(tmp_path / "photos", photo(96, 128, 1), COUNT)
    lists = [tmp_path / f"list-{number}.parquet" for number in range(MANIFESTS)]
    for number, one in enumerate(lists):
        write_manifest(one, uris[number::MANIFESTS])
    write_ledger(tmp_path / "ledger", uris, model)
    done = measure(
        [
            *("score", "--model", model, "--output", tmp_path / "ledger", "--json"),
            *(part for one in lists for part in ("--input", one)),
        ]
    )
    counts = manifest_of(tmp_path / "ledger")["counts"]
    assert counts["listed"] == counts["carried_over"] == COUNT
    assert done.launcher_mib < CEILING_MIB
    assert done.worker_mib < CEILING_MIB
