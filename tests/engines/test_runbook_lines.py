"""Every gcloud line of the runbook, run as printed by the real gcloud on doubles."""

import base64
import json
import os
import re
import subprocess

import pytest
from helpers.dataflow_fake import CANCELLED, REGION, RUNNING, TIMES
from helpers.gcloud import gcloud_env, needs_gcloud, recorder
from helpers.readme_blocks import blocks_of
from helpers.run_musiq import ROOT

RUNBOOK = "pipelines/dataflow/README.md"
# What lines of other programs have left in the shell.
VARIABLES = {
    "REPOSITORY": "europe-west4-docker.pkg.dev/my-project/musiq",
    "IMAGE": "europe-west4-docker.pkg.dev/my-project/musiq/score@sha256:0123",
}


def gcloud_lines() -> list[str]:
    """All commands of gcloud in the runbook, each on one line."""
    text = "\n".join(b.text for b in blocks_of(RUNBOOK) if b.language == "sh")
    joined = re.sub(r"\\\n\s*", "", text)
    return [line for line in joined.splitlines() if re.match(r"gcloud\b", line)]


def line_of(beginning: str) -> str:
    [found] = [line for line in gcloud_lines() if line.startswith(beginning)]
    return found


@pytest.fixture
def shell(dataflow, tmp_path):
    """A function that runs a line, and what the services but Dataflow were asked."""
    (tmp_path / "pipelines").symlink_to(ROOT / "pipelines")
    settings = tmp_path / "gcloud"
    settings.mkdir()
    job = {"id": "JOB", "name": "musiq-score-photos", "type": 1, "location": REGION}
    dataflow.jobs.append(job | TIMES | {"currentState": RUNNING})
    dataflow.metrics["JOB"] = [
        {"name": {"origin": "user", "name": "images_scored"}, "scalar": 7},
        {"name": {"origin": "dataflow/v1b3", "name": "TotalVcpuTime"}, "scalar": 9},
    ]

    def run(line: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ
            | VARIABLES
            | gcloud_env(
                settings,
                "my-project",
                dataflow=dataflow.endpoint,
                storage=others,
                others=others,
            ),
        )

    dataflow.project = "my-project"
    with recorder() as (others, asked):
        yield run, asked


def test_the_runbook_has_the_lines_that_are_run_here():
    assert len(gcloud_lines()) >= 15


@pytest.mark.engines
@needs_gcloud
@pytest.mark.parametrize("line", gcloud_lines())
def test_gcloud_runs_the_line(line, shell):
    run, _ = shell
    done = run(line)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


@pytest.mark.engines
@needs_gcloud
def test_active_jobs_are_found_by_their_name(shell):
    run, _ = shell
    assert "JOB" in run(line_of("gcloud dataflow jobs list")).stdout


@pytest.mark.engines
@needs_gcloud
def test_counters_are_shown(shell):
    run, _ = shell
    line = line_of(
        "gcloud beta dataflow metrics list JOB --region europe-west4 --source u"
    )
    shown = run(line).stdout
    assert "images_scored" in shown
    assert "TotalVcpuTime" not in shown


@pytest.mark.engines
@needs_gcloud
def test_a_job_is_cancelled(shell, dataflow):
    run, _ = shell
    assert run(line_of("gcloud dataflow jobs cancel")).returncode == 0
    assert dataflow.jobs[0]["currentState"] == CANCELLED


@pytest.mark.engines
@needs_gcloud
def test_the_template_that_is_built_has_the_image_and_the_metadata(shell):
    run, asked = shell
    assert run(line_of("gcloud dataflow flex-template build")).returncode == 0
    [upload] = [one for one in asked if "name=templates%2Fmusiq-score.json" in one.path]
    assert upload.sent["image"] == VARIABLES["IMAGE"]
    metadata = json.loads((ROOT / "pipelines/dataflow/metadata.json").read_text())
    sent = upload.sent["metadata"]
    assert [p["name"] for p in sent["parameters"]] == [
        p["name"] for p in metadata["parameters"]
    ]


@pytest.mark.engines
@needs_gcloud
def test_quotas_are_a_table(shell):
    run, _ = shell
    shown = run(line_of("gcloud compute regions describe")).stdout
    assert shown.splitlines()[1].split() == ["N2_CPUS", "160.0", "8.0"]


@pytest.mark.engines
@needs_gcloud
def test_the_subnet_reaches_google_and_the_bucket_keeps_nothing_deleted(shell):
    run, asked = shell
    assert run(line_of("gcloud compute networks subnets create")).returncode == 0
    assert any(one.sent.get("privateIpGoogleAccess") is True for one in asked)
    assert run(line_of("gcloud storage buckets update")).returncode == 0
    [bucket] = [one.sent for one in asked if one.method == "PATCH"]
    assert bucket["softDeletePolicy"] == {"retentionDurationSeconds": "0"}


@pytest.mark.engines
@needs_gcloud
def test_the_scheduler_is_given_the_launch_as_json(shell):
    run, asked = shell
    assert run(line_of("gcloud scheduler jobs create http")).returncode == 0
    [job] = [one.sent for one in asked if one.path.split("?")[0].endswith("/jobs")]
    target = job["httpTarget"]
    body = (ROOT / "pipelines/dataflow/launch_scheduler.json").read_bytes()
    assert base64.b64decode(target["body"]) == body
    assert target["headers"] == {"Content-Type": "application/json"}
    assert target["uri"].endswith("/locations/europe-west4/flexTemplates:launch")
    assert job["attemptDeadline"] == "180s"


@pytest.mark.engines
@needs_gcloud
@pytest.mark.parametrize(
    "line", [line for line in gcloud_lines() if "dataflow/alerts/" in line]
)
def test_metrics_and_alerts_are_sent_as_their_files_have_them(line, shell):
    run, asked = shell
    assert run(line).returncode == 0
    [sent] = [one.sent for one in asked if one.method == "POST"]
    file = json.loads(
        (ROOT / re.search(r"pipelines/dataflow/\S+", line)[0]).read_text()
    )
    assert {key: sent[key] for key in file} == file
    if "policies" in line:
        channel = "projects/my-project/notificationChannels/CHANNEL"
        assert sent["notificationChannels"] == [channel]
    else:
        assert sent["name"] == re.search(r"create (\S+)", line)[1]
