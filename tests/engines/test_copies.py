"""Every engine copies the same photos into the same shards, and tells of the same."""

import pytest
from helpers.given_ledger import given_ledger
from helpers.job_service import running_portable_service
from helpers.kept_rows import files_below, kept_rows, report_of
from helpers.make_images import write_images
from helpers.run_musiq import ROOT, run_musiq

PRISM = ROOT / ".prism" / "prism"
MODELS = {"koniq": {"score_range": [0.0, 100.0], "higher_is_better": True}}
pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A ledger of forty photos, one of which has changed since."""
    folder = tmp_path_factory.mktemp("copies")
    write_images(folder / "photos", 40)
    rows = kept_rows(folder / "photos")
    for row in rows:
        row["musiq_koniq"] = row.pop("musiq_tiny")
    given_ledger(folder / "ledger", rows, models=MODELS)
    (folder / "photos" / "image-007.png").write_bytes(b"another photo")
    return folder


def copy(folder, name, layout, *engine):
    """Copy by an engine; give the files and the report."""
    done = run_musiq(
        *("select", "--ledger", folder / "ledger", "--copy_to", folder / name),
        *("--copy_as", layout, "--json", *engine),
    )
    assert done.code == 3, done.err
    assert done.summary["copies"]["copied"] == 39
    assert done.summary["copies"]["reasons"] == {"changed": 1}
    return files_below(folder / name), report_of(str(folder / name))


@pytest.fixture(scope="module", params=["files", "webdataset"])
def embedded(request, folder):
    layout = request.param
    return layout, copy(folder, f"{layout}-embedded", layout, "--workers", 2)


def test_prism_makes_the_same_copies(folder, embedded):
    assert PRISM.exists(), "make prism"
    layout, wanted = embedded
    engine = ("--runner", "PrismRunner", "--prism_location", PRISM)
    assert copy(folder, f"{layout}-prism", layout, *engine) == wanted


def test_a_worker_pool_makes_the_same_copies(folder, embedded):
    layout, wanted = embedded
    with running_portable_service(folder) as service:
        assert copy(folder, f"{layout}-pool", layout, *service.flags) == wanted
