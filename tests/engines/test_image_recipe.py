"""The Dockerfile's steps, replayed on Debian's packages: the image boots and scores."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.image_recipe import Image, replay
from helpers.run_musiq import ROOT
from helpers.staged_ledger import require_ledger_of_the_embedded_engine
from helpers.worker_twin import __file__ as twin

DEBIAN = ROOT / ".debian"
DOCKERFILE = ROOT / "pipelines" / "dataflow" / "Dockerfile"
POOL_ADDRESS = "localhost:50000"  # Beam's program knows no other port

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(
        not (DEBIAN / "checked").exists(),
        reason="make .debian/checked found no debootstrap, or may not change its root",
    ),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    """What the recipe makes of the working tree.

    The launcher of templates is Google's, and there is no copy of it: a file stands for
    it that nobody starts.
    """
    root = tmp_path_factory.mktemp("image") / "root"
    stages = tmp_path_factory.mktemp("stages")
    # Not shutil's copy, which would read /dev/zero to its end.
    subprocess.run(["cp", "--archive", DEBIAN / "root", root], check=True)
    beam = stages / "beam" / "opt" / "apache" / "beam"
    launcher = stages / "launcher" / "opt" / "google" / "dataflow"
    beam.mkdir(parents=True)
    launcher.mkdir(parents=True)
    shutil.copy(DEBIAN / "boot", beam / "boot")
    (launcher / "python_template_launcher").write_text("not here")
    return replay(DOCKERFILE, context=ROOT, root=root, stages=stages)


def test_the_recipe_makes_an_image_of_locked_packages_and_compiled_modules(image):
    assert image.entrypoint == ["/opt/apache/beam/boot"]
    with image.running(["musiq", "--help"], {}) as process:
        assert "musiq score" in process.communicate()[0]
    assert list(image.root.glob("**/pipelines/scoring/__pycache__/flow.*.pyc"))
    template = image.env["FLEX_TEMPLATE_PYTHON_PY_FILE"]
    assert (image.root / template.lstrip("/")).is_file()


def test_beams_boot_program_starts_workers_in_it_that_score_the_staged_job(
    image, staged, gcs
):
    flags, graph = staged
    pool = [*image.entrypoint, "--worker_pool"]
    with image.running(pool, gcs.env) as process:
        ended = run_in_pool(graph, gcs.env)
        process.kill()
        told = process.stdout.read()
    assert ended["state"] == "DONE", told
    counts = require_ledger_of_the_embedded_engine(flags)
    assert ended["counters"]["images_scored"] == counts["scored"]


def run_in_pool(graph: Path, env: dict) -> dict:
    """Run a graph with the workers of a pool; returns how it ended."""
    for _ in range(60):
        done = subprocess.run(
            [sys.executable, twin, graph, POOL_ADDRESS],
            capture_output=True,
            text=True,
            env=env,
            timeout=300,
        )
        if "UNAVAILABLE" not in done.stderr:
            break
        time.sleep(0.5)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
