"""What would go wrong on Dataflow is said in one line before anything is submitted."""

import sys

import pytest
from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    WorkerOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.dataflow import DataflowRunner
from helpers.dataflow_fake import PROJECT, REGION
from helpers.gcs_emulator import BUCKET
from helpers.local_server import environment

from pipelines.engines.dataflow.checks import job_name_of
from pipelines.engines.dataflow.labels import add_labels, add_model_label
from pipelines.engines.dataflow.workers import apply_profile, profile_for
from pipelines.engines.engine import JobFacts
from pipelines.engines.job import Job
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.configure import job_facts
from schemas.errors import UsageError

JOB = JobFacts(
    pipeline="musiq-score",
    output="gs://photos/ledger",
    uris=("gs://photos/ledger", "gs://photos/2026/", "gs://models/koniq.safetensors"),
)
GOOD = {
    "runner": "DataflowRunner",
    "project": PROJECT,
    "region": REGION,
    "temp_location": f"gs://{BUCKET}/temp",
    "sdk_container_image": "europe-docker.pkg.dev/p/musiq/score@sha256:0123",
}


def options_with(**changes) -> PipelineOptions:
    told = {name: v for name, v in (GOOD | changes).items() if v is not None}
    return PipelineOptions([f"--{name}={value}" for name, value in told.items()])


def refusal_of(job: JobFacts = JOB, **changes) -> str:
    with pytest.raises(UsageError) as raised:
        Job("musiq score", options_with(**changes), job).check()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("project", None, "needs --project"),
        ("project", "123456", "--project 123456 is a number"),
        ("project", "My Project", "--project My Project is no project's ID"),
        ("region", None, "needs --region"),
        ("region", "europe", "--region europe is no region, such as us-central1"),
        ("region", "us-central1-a", "is a zone; give --region us-central1"),
        ("sdk_container_image", None, "needs --sdk_container_image"),
        ("job_name", "Nightly_1", "--job_name Nightly_1: Dataflow's names have"),
        ("labels", "team=Photos!", "--labels team=Photos!: labels have lower-case"),
        ("labels", "team", "--labels team: write a label so: team=photos"),
        ("num_workers", "30", None),
    ],
)
def test_what_options_alone_show_is_said_without_asking_anybody(option, value, message):
    if message is None:
        message = "--num_workers 30 is more than --max_num_workers 20"
        assert message in refusal_of(num_workers=30, max_num_workers=20)
    else:
        assert message in refusal_of(**{option: value})


def test_files_of_this_machine_are_refused():
    job = JobFacts(pipeline="musiq-score", output="/srv/x", uris=("/srv/x",))
    assert "/srv/x is on this machine, where Dataflow's workers" in refusal_of(job)


@pytest.mark.parametrize(
    "uri", ["s3://photos/2026/", "S3://photos/a.jpg", "s3a://ledgers/x", "s3n://m/k"]
)
def test_s3_is_refused_with_the_reason(uri):
    """Whether it is an input, a model or the output, first or last."""
    for uris in ((uri,), ("gs://photos/ledger", "gs://photos/2026/", uri)):
        job = JobFacts(pipeline="musiq-score", output=uris[0], uris=uris)
        told = refusal_of(job)
        assert told.startswith(f"{uri} is in S3, for which Dataflow's workers have no")
        assert "copy it to a bucket of gs://" in told


def test_buckets_that_lists_may_name_are_refused_like_the_others():
    asked = {"input": ("gs://photos/list.txt",), "output": "gs://photos/ledger"}
    good = ScoringConfig(**asked, allow_bucket=("gs://more/", "gcs://most"))
    assert job_facts(good).uris[-2:] == ("gs://more/", "gs://most")
    job = job_facts(ScoringConfig(**asked, allow_bucket=("gs://more", "s3://theirs")))
    told = refusal_of(job)
    assert told.startswith("s3://theirs is in S3, for which Dataflow's workers have no")
    with pytest.raises(UsageError, match="--allow_bucket photos is no bucket"):
        job_facts(ScoringConfig(**asked, allow_bucket=("photos",)))


def test_there_are_no_workers_with_a_tpu():
    job = JobFacts(pipeline="musiq-score", output="gs://b/x", uris=(), device="tpu")
    assert "--device tpu" in refusal_of(job)


def test_packages_that_are_missing_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pipelines.engines.dataflow.jobs", None)
    monkeypatch.delitem(sys.modules, "pipelines.engines.dataflow.checks", raising=False)
    assert "pip install 'musiq[dataflow]'" in refusal_of()


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (None, "needs --temp_location"),
        ("/tmp/musiq", "--temp_location /tmp/musiq is no folder of a bucket"),
        ("gs://musiq-test", "is no folder of a bucket"),
        ("gs://absent-bucket/temp", "there is no such bucket"),
    ],
)
def test_a_temp_location_that_cannot_be_written_is_told(bucket, folder, message):
    found = refusal_of(temp_location=folder)
    assert message in found
    assert "--temp_location" in found


def test_the_service_is_asked_whether_project_region_and_access_are_right(
    bucket, dataflow
):
    def told(**changes):
        return refusal_of(dataflow_endpoint=dataflow.endpoint, **changes)

    Job("musiq score", options_with(dataflow_endpoint=dataflow.endpoint), JOB).check()
    assert "no such project or region" in told(project="another-project")
    assert "no such project or region" in told(region="europe-west9")
    dataflow.refusal = 403
    assert "roles/dataflow.developer there: refused, it says" in told()
    dataflow.refusal = 400
    assert f"project {PROJECT}, region {REGION}" in told()


def test_missing_credentials_are_told_at_once(bucket, dataflow):
    nobody = {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}
    with environment(nobody):
        found = refusal_of(dataflow_endpoint=dataflow.endpoint)
    assert "no Google credentials: run `gcloud auth application-default" in found


def test_what_is_accepted_here_beams_own_validator_accepts(bucket, dataflow):
    """It checks nothing for an endpoint on this machine, so Google's is told it."""
    options = options_with(dataflow_endpoint=dataflow.endpoint)
    Job("musiq score", options, JOB).check()
    google = options.view_as(GoogleCloudOptions)
    google.dataflow_endpoint = "https://dataflow.googleapis.com"
    assert PipelineOptionsValidator(options, DataflowRunner()).validate() == []


def test_the_name_locks_one_output():
    name = job_name_of(JOB)
    assert name == job_name_of(JOB)
    assert name.startswith("musiq-score-ledger-")

    def name_for(output):
        return job_name_of(JobFacts(pipeline="musiq-score", output=output, uris=()))

    assert name_for("gs://photos/ledger/") == name
    assert name_for("gs://other/ledger") != name
    assert len(name_for("gs://photos/" + "Ä_x" * 60)) <= 63


def test_gpu_workers_have_one_process_and_the_accelerator_in_the_pool_alone():
    options = PipelineOptions([])
    apply_profile(options, profile_for("gpu"))
    assert "no_use_multiple_sdk_containers" in options.view_as(DebugOptions).experiments
    [service] = options.view_as(GoogleCloudOptions).dataflow_service_options
    assert service.startswith("worker_accelerator=type:nvidia-l4;count:1")
    assert options.get_all_options()["resource_hints"] == []


def test_gpu_workers_have_the_disks_that_their_machines_take():
    def disk_of(device, *given):
        options = PipelineOptions(list(given))
        apply_profile(options, profile_for(device))
        return options.view_as(WorkerOptions).disk_type

    assert disk_of("cpu") is None
    assert disk_of("gpu").endswith("/diskTypes/pd-balanced")
    for flag in ("disk_type", "worker_disk_type"):
        assert disk_of("gpu", f"--{flag}=other") == "other"


def test_flexrs_is_for_cpus():
    options = PipelineOptions(["--flexrs_goal=COST_OPTIMIZED"])
    apply_profile(options, profile_for("cpu"))
    with pytest.raises(UsageError, match="FlexRS has no workers with accelerators"):
        apply_profile(options, profile_for("gpu"))


def test_options_win_over_the_profile():
    given = [
        *("--machine_type=n1-standard-4", "--num_workers=40", "--disk_size_gb=30"),
        "--dataflow_service_options=worker_accelerator=type:nvidia-tesla-t4;count:1",
        "--number_of_worker_harness_threads=3",
    ]
    options = PipelineOptions(given)
    apply_profile(options, profile_for("gpu"))
    worker = options.view_as(WorkerOptions)
    assert (worker.machine_type, worker.disk_size_gb) == ("n1-standard-4", 30)
    assert worker.max_num_workers == 40
    assert options.view_as(DebugOptions).number_of_worker_harness_threads == 3
    [service] = options.view_as(GoogleCloudOptions).dataflow_service_options
    assert "tesla-t4" in service


def test_labels_say_what_the_job_is_and_a_launchers_dictionary_is_read():
    options = PipelineOptions(["--labels={'team': 'photos', 'data_interval': '0102'}"])
    google = options.view_as(GoogleCloudOptions)
    add_labels(google, JOB)
    add_model_label(options, {"koniq": "ab" * 32, "ava@v2": "cd" * 32})
    assert sorted(google.labels) == [
        "data_interval=0102",
        "model=koniq-abababab_ava-v2-cdcdcdcd",
        "pipeline=musiq-score",
        "team=photos",
    ]
