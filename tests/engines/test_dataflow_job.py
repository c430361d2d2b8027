"""The job that Dataflow is asked to run, whole, for each kind of worker."""

import json
from pathlib import Path

import pytest
from helpers.dataflow_fake import DONE, TIMES
from helpers.run_musiq import run_here

from pipelines.storage import storage_for

GOLDEN = Path(__file__).parent
# They say nothing of ours, or differ from run to run.
_SHOWN_OPTIONS = (
    "experiments",
    "job_name",
    "number_of_worker_harness_threads",
    "project",
    "region",
    "save_main_session",
    "sdk_container_image",
    "sdk_location",
)
_UNSTEADY = ("clientRequestId", "currentState", "id", "location", *TIMES)


def steady(job: dict) -> dict:
    """Leave out what is another in every run, and the names of this run's files."""
    job = {k: v for k, v in job.items() if k not in _UNSTEADY}
    environment = job["environment"]
    environment["experiments"].sort()
    options = environment.pop("sdkPipelineOptions")["options"]
    options["experiments"].sort()
    job["options"] = {name: options.get(name) for name in _SHOWN_OPTIONS}
    assert environment.pop("tempStoragePrefix").startswith("storage.googleapis.com/")
    [pool] = environment["workerPools"]
    pool.pop("taskrunnerSettings")
    pool["packages"] = [package["name"] for package in pool["packages"]]
    [image] = pool["sdkHarnessContainerImages"]
    for of_beam in ("environmentId", "capabilities"):
        image.pop(of_beam)
    environment.pop("userAgent")
    name, _, digest = job["labels"].pop("model").partition("-")
    assert (name, len(digest)) == ("tiny", 8)
    return job


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_the_job_is_the_golden_one(device, arguments, dataflow):
    outcome = run_here(
        *arguments, "--device", device, "--labels", "team=photos", "--labels",
        "data_interval=20260101",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    [job] = dataflow.jobs
    assert job["id"] in outcome.error
    golden = json.loads((GOLDEN / f"dataflow_job_{device}.json").read_text())
    assert steady(job) == golden


def test_a_second_job_for_the_ledger_is_refused_while_the_first_runs(
    arguments, dataflow
):
    assert run_here(*arguments).code == 0
    again = run_here(*arguments)
    assert again.code == 2
    assert "is active already (job-1)" in again.error
    assert len(dataflow.jobs) == 1
    dataflow.end(DONE)
    assert run_here(*arguments).code == 0
    first, second = dataflow.jobs
    assert first["name"] == second["name"]


def test_two_jobs_at_the_same_moment_are_one(arguments, dataflow, monkeypatch):
    """Both have seen the name free; the service itself decides."""
    monkeypatch.setattr(
        "pipelines.engines.dataflow.checks.require_free_name", lambda _: None
    )
    assert run_here(*arguments).code == 0
    second = run_here(*arguments)
    assert second.code == 1
    assert "already active job named" in second.error
    assert len(dataflow.jobs) == 1


def test_a_template_is_written_and_no_job_started(arguments, scene, dataflow):
    template = f"{scene}/templates/score"
    outcome = run_here(*arguments, "--template_location", template)
    assert outcome.code == 0
    assert outcome.error == (
        f"musiq score: wrote the template {template}; no job was started"
    )
    assert dataflow.jobs == []
    with storage_for(template).open_read(template) as file:
        job = json.load(file)
    options = job["environment"]["sdkPipelineOptions"]["options"]
    assert storage_for(scene).stat(options["pipelineUrl"]) is not None
