"""What was staged for Dataflow runs where only the container's packages are."""

import io
import json
import os
import re
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.one_ledger import require_same_rows, write_inputs
from helpers.run_musiq import ROOT, run_here
from helpers.worker_twin import __file__ as twin

from pipelines.storage import storage_for

PYTHON = ROOT / ".venv-worker" / "bin" / "python"

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


def rows_of(ledger: str) -> tuple[dict, pa.Table]:
    def read(name: str) -> bytes:
        with storage_for(ledger).open_read(f"{ledger}/{name}") as file:
            return file.read()

    manifest = json.loads(read("_manifests/00000001.json"))
    files = [read(file["path"]) for file in manifest["files"]]
    return manifest, pa.concat_tables([pq.read_table(io.BytesIO(f)) for f in files])


def test_the_staged_job_makes_the_ledger_of_the_embedded_engine(
    worker_python, bucket, scene, arguments, dataflow, gcs, tmp_path
):
    count = write_inputs(tmp_path / "photos")
    storage = storage_for(scene)
    for path in (tmp_path / "photos").rglob("*"):
        if path.is_dir():
            continue
        name = os.fsencode(path.relative_to(tmp_path)).decode("utf-8", "replace")
        storage.write(f"{scene}/twin/{name}", path.read_bytes())
    flags = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    flags |= {"--input": f"{scene}/twin/", "--max_failure_rate": "1"}
    told = [part for flag in flags.items() for part in flag]
    submitted = run_here("score", *told)
    assert submitted.code == 0, submitted.err
    options = dataflow.jobs[0]["environment"]["sdkPipelineOptions"]["options"]
    with storage.open_read(options["pipelineUrl"]) as file:
        (tmp_path / "pipeline.pb").write_bytes(file.read())

    env = gcs.env | {"HOME": str(tmp_path), "NPROC": "1", "PATH": "/usr/bin:/bin"}
    done = in_worker(worker_python, twin, tmp_path / "pipeline.pb", env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    ended = json.loads(done.stdout.splitlines()[-1])
    assert ended["state"] == "DONE"
    assert ended["bad"] == []

    manifest, found = rows_of(flags["--output"])
    local = run_here(
        *("score", "--input", flags["--input"], "--output", f"{scene}/twin-embedded"),
        *("--model", flags["--model"], "--max_failure_rate", 1, "--workers", 1),
    )
    assert local.code == 0, local.err
    expected_manifest, expected = rows_of(f"{scene}/twin-embedded")
    require_same_rows(found, expected)
    assert found.num_rows == count
    assert manifest["counts"] == expected_manifest["counts"]
    assert ended["counters"]["images_scored"] == manifest["counts"]["scored"]


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
