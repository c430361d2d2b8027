"""The acceptance run, whole, by the real gcloud, on doubles that run what is staged."""

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.dataflow_fake import CANCELLED, DONE, FAILED, PROJECT, REGION, RUNNING
from helpers.gcloud import emulator_for_gcloud, gcloud_env, needs_gcloud, recorder
from helpers.gcs_emulator import BUCKET
from helpers.run_musiq import ROOT
from helpers.worker_twin import __file__ as twin

from pipelines.storage import storage_for

SCRIPT = ROOT / "pipelines" / "dataflow" / "acceptance_run.sh"
COUNT = 3
PRICES = {
    "currency": "EUR",
    "per_vcpu_hour": 0.06,
    "per_gib_memory_hour": 0.004,
    "per_gib_disk_hour": 0.0001,
    "per_gpu_hour": 0.7,
    "per_gib_shuffled": 0.01,
}

pytestmark = [pytest.mark.engines, needs_gcloud]


class Workers:
    """Run the staged graphs of a Dataflow double in processes of this machine.

    Attributes:
      held: Jobs that never get workers, and so run until they are cancelled.
      errors: What workers said of jobs that failed.
    """

    def __init__(self, dataflow, env: dict[str, str], folder: Path):
        self.held: set[str] = set()
        self.errors: list[str] = []
        self._dataflow, self._env, self._folder = dataflow, env, folder

    def run(self, job: dict):
        """Run a job to its end, unless it is held."""
        if job["id"] in self.held:
            return
        options = job["environment"]["sdkPipelineOptions"]["options"]
        uri, graph = options["pipelineUrl"], self._folder / f"{job['id']}.pb"
        with storage_for(uri).open_read(uri) as file:
            graph.write_bytes(file.read())
        done = subprocess.run(
            [sys.executable, twin, graph],
            capture_output=True,
            text=True,
            env=os.environ | self._env | {"PYTHONPATH": str(ROOT)},
        )
        if done.returncode:
            self.errors.append(done.stderr[-3000:])
            job["currentState"] = FAILED
            return
        counters = json.loads(done.stdout.splitlines()[-1])["counters"]
        self._dataflow.metrics[job["id"]] = [
            *(metric("user", name, value) for name, value in counters.items()),
            metric("dataflow/v1b3", "TotalVcpuTime", 60),
        ]
        job["currentState"] = DONE


def metric(origin: str, name: str, scalar: int) -> dict:
    return {
        "name": {"origin": origin, "name": name, "context": {}},
        "scalar": scalar,
        "updateTime": "2026-01-02T03:04:05.678Z",
    }


@pytest.fixture
def acceptance_run(scene, dataflow, gcs, tmp_path):
    """A function that runs the script with some of its own variables set."""
    programs = tmp_path / "programs"
    programs.mkdir()
    python = shlex.quote(sys.executable)
    endpoint = f"--dataflow_endpoint={dataflow.endpoint}"
    for name, script in {
        "python": f'exec {python} "$@"',
        "musiq": f'[ "$1" = score ] && set -- "$@" {endpoint}\n'
        f'exec {python} -m pipelines.cli "$@"',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    settings, prices = tmp_path / "gcloud", tmp_path / "prices.json"
    settings.mkdir()
    prices.write_text(json.dumps(PRICES))

    def run(**variables) -> subprocess.CompletedProcess:
        told = {
            "PROJECT": PROJECT,
            "REGION": REGION,
            "BUCKET": BUCKET,
            "PHOTOS": f"{scene}/photos/image",
            "IMAGE": "europe-docker.pkg.dev/musiq-test-project/musiq/score@sha256:0123",
            "PRICES": str(prices),
            "COUNT": str(COUNT),
            "POLL_SECONDS": "1",
            "CANCEL_AFTER_SECONDS": "0",
        }
        return subprocess.run(
            ["bash", SCRIPT, "cpu"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ
            | gcs.env
            | gcloud_env(
                settings,
                PROJECT,
                dataflow=dataflow.endpoint,
                storage=storage,
                others=others,
            )
            | told
            | variables
            | {
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
        )

    with (
        emulator_for_gcloud(gcs.env["STORAGE_EMULATOR_HOST"]) as storage,
        recorder() as (others, _),
    ):
        yield run


def test_the_script_runs_to_its_end(acceptance_run, dataflow, gcs, tmp_path):
    workers = Workers(dataflow, gcs.env, tmp_path)
    workers.held.add("job-3")
    dataflow.run = workers.run
    done = acceptance_run()
    assert workers.errors == []
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("accepted: gs://musiq-test/")
    assert "per million photos" in done.stdout
    assert "is active already (job-3)" in done.stderr
    states = [job["currentState"] for job in dataflow.jobs]
    assert states == [DONE, DONE, CANCELLED, DONE]


def test_a_job_that_never_ends_ends_the_script(acceptance_run, dataflow):
    begun = time.monotonic()
    done = acceptance_run(LIMIT_SECONDS="2")
    assert done.returncode == 1
    assert (
        "job job-1: JOB_STATE_RUNNING, not JOB_STATE_DONE, after 2 s; it was left"
        in done.stderr
    )
    assert time.monotonic() - begun < 120
    assert [job["currentState"] for job in dataflow.jobs] == [RUNNING]


def test_a_job_that_fails_ends_the_script(acceptance_run, dataflow):
    def fail(job):
        threading.Event().wait(1)
        job["currentState"] = FAILED

    dataflow.run = fail
    done = acceptance_run()
    assert done.returncode == 1
    assert "job job-1: JOB_STATE_FAILED" in done.stderr


def test_too_few_photos_are_told_before_a_job_is_started(acceptance_run, dataflow):
    done = acceptance_run(COUNT="1000")
    assert done.returncode == 2
    assert "PHOTOS has fewer than 1000 photos" in done.stderr
    assert dataflow.jobs == []
