"""What was staged for Dataflow runs where only the container's packages are."""

import json
import re
import shutil
import subprocess

import pytest
from helpers.fault_proxy import CUT, FLIPPED, LOST, RESET, SHORT, running_proxy
from helpers.run_musiq import ROOT
from helpers.staged_ledger import require_ledger_of_the_embedded_engine
from helpers.worker_twin import __file__ as twin

PYTHON = ROOT / ".venv-worker" / "bin" / "python"
FAULTS = (429, 500, 503, RESET, LOST, SHORT, CUT, FLIPPED)

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def worker_python(tmp_path_factory):
    """Python with the lock file's packages and the project, as in the Dockerfile."""
    assert PYTHON.exists(), "make .venv-worker/installed"
    source = tmp_path_factory.mktemp("source")
    dockerfile = (ROOT / "pipelines" / "dataflow" / "Dockerfile").read_text()
    for names in re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile, re.MULTILINE):
        for name in names.split():
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, source / name)
    install = "-m pip install --quiet --no-deps --no-build-isolation --force-reinstall"
    subprocess.run([PYTHON, *install.split(), source], check=True)
    return PYTHON


def in_worker(python, *command, env) -> subprocess.CompletedProcess:
    """Run isolated: neither the repository nor this environment can be imported."""
    return subprocess.run(
        [python, "-I", *command], capture_output=True, text=True, env=env, cwd="/"
    )


def run_twin(python, graph, gcs_env) -> dict:
    """Run a graph in the worker's environment; returns how it ended."""
    env = gcs_env | {"HOME": str(graph.parent), "NPROC": "1", "PATH": "/usr/bin:/bin"}
    done = in_worker(python, twin, graph, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_staged_job_makes_the_ledger_of_the_embedded_engine(
    worker_python, photos, staged, gcs
):
    flags, graph = staged
    ended = run_twin(worker_python, graph, gcs.env)
    assert ended["state"] == "DONE"
    assert ended["bad"] == []
    counts = require_ledger_of_the_embedded_engine(flags)
    assert counts["listed"] == sum(not path.is_dir() for path in photos.rglob("*"))
    assert ended["counters"]["images_scored"] == counts["scored"]


def test_the_staged_job_loses_nothing_while_its_store_fails(worker_python, staged, gcs):
    flags, graph = staged
    with running_proxy(gcs.env["STORAGE_EMULATOR_HOST"], seed=7) as (proxy, address):
        proxy.fail_at_random(0.1, *FAULTS)
        ended = run_twin(
            worker_python, graph, gcs.env | {"STORAGE_EMULATOR_HOST": address}
        )
    assert ended["state"] == "DONE"
    failed = [request for request in proxy.requests if request.fault is not None]
    assert {"read", "write"} <= {request.operation for request in failed}
    require_ledger_of_the_embedded_engine(flags)


@pytest.mark.parametrize("name", ["tensorflow", "array_record", "pytest"])
def test_the_container_does_not_have_what_only_others_need(worker_python, gcs, name):
    done = in_worker(worker_python, "-c", f"import {name}", env=gcs.env)
    assert "ModuleNotFoundError" in done.stderr


def test_a_worker_imports_no_tensorflow(worker_python, gcs):
    code = (
        "import sys, pipelines.scoring.command\n"
        "print(sys.modules.keys() & {'tensorflow', 'training'})"
    )
    done = in_worker(worker_python, "-c", code, env=gcs.env)
    assert done.stdout.strip() == "set()", done.stderr
