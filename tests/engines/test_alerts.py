"""Metrics and alerts for Cloud Monitoring are about what a run really logs."""

import json
import re

import pytest
from helpers.logged import logged
from helpers.run_musiq import ROOT
from helpers.written_ledger import write_ledger

from pipelines.engines.dataflow.checks import job_name_of
from pipelines.engines.engine import JobFacts
from pipelines.ledger.states import read_state
from pipelines.scoring.monitoring.report import (
    commit_report,
    failure_report,
    log_report,
)

FOLDER = ROOT / "pipelines" / "dataflow"
RUNBOOK = (FOLDER / "README.md").read_text()
LEDGER = "gs://my-bucket/a, b/ledger"
NAMES = ("musiq_commits", "musiq_images_scored", "musiq_images_failed")


def metric(name: str) -> dict:
    """A metric by its name in the runbook's line that makes it."""
    [file] = re.findall(rf"metrics create {name} --config-from-file (\S+)", RUNBOOK)
    return json.loads((ROOT / file).read_text())


def policies() -> dict[str, dict]:
    files = re.findall(r"policies create --policy-from-file (\S+)", RUNBOOK)
    return {
        file.rpartition("/")[2]: json.loads((ROOT / file).read_text()) for file in files
    }


def is_let_through(line: str, name: str) -> bool:
    """Whether a metric's filter finds a line that a worker logs."""
    resource, *terms = metric(name)["filter"].split(" AND ")
    assert resource == 'resource.type="dataflow_step"'
    found = [re.fullmatch(r'jsonPayload\.message:"([^"\\]+)"', term) for term in terms]
    return all(one[1] in line for one in found)


def extracted(line: str, extractor: str) -> str:
    """What an extractor takes from a line; nothing in it needs to be escaped."""
    [pattern] = re.findall(
        r'^REGEXP_EXTRACT\(jsonPayload\.message, "([^"\\]+)"\)$', extractor
    )
    return re.search(pattern, line)[1]


@pytest.fixture
def line(tmp_path) -> str:
    """What is logged of a state of five images, of which two failed."""
    write_ledger(str(tmp_path), [0.5, None, 0.25, None, 0.75])
    manifest = read_state(str(tmp_path), 0).manifest
    report = commit_report(manifest, ledger=LEDGER, version=0, seconds=3.0)
    with logged() as records:
        log_report(report)
    return records[0].getMessage()


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_of_runs_that_published_and_labelled_by_ledger(name, line):
    assert is_let_through(line, name)
    labels = metric(name)["labelExtractors"]
    assert extracted(line, labels["ledger"]) == LEDGER
    described = metric(name)["metricDescriptor"]["labels"]
    assert labels.keys() == {one["key"] for one in described}
    with logged() as records:
        log_report(failure_report(kind="E", line="no", exit_code=1, ledger=LEDGER))
    assert not is_let_through(records[0].getMessage(), name)


def test_values_are_the_counts_of_this_run(line):
    for what, count in (("scored", 3), ("failed", 2)):
        one = metric(f"musiq_images_{what}")
        assert int(extracted(line, one["valueExtractor"])) == count
        assert one["metricDescriptor"]["valueType"] == "DISTRIBUTION"
    assert metric("musiq_commits")["metricDescriptor"]["valueType"] == "INT64"


def test_every_file_is_used_by_a_line_of_the_runbook():
    used = set(re.findall(r"--\S+-from-file pipelines/dataflow/alerts/(\S+)", RUNBOOK))
    assert used == {path.name for path in (FOLDER / "alerts").iterdir()}


def test_queries_are_about_metrics_that_are_made():
    queries = [
        condition["conditionPrometheusQueryLanguage"]["query"]
        for policy in policies().values()
        for condition in policy["conditions"]
        if "conditionPrometheusQueryLanguage" in condition
    ]
    assert len(queries) == 2
    asked = re.findall(r"logging_googleapis_com:user_(\w+)\{", " ".join(queries))
    sums = {
        f"{name}_sum" for name in NAMES[1:]
    }  # of a distribution, as Prometheus has it
    assert set(asked) == {NAMES[0], *sums}
    for query in queries:
        assert set(re.findall(r'(\w+)="', query)) <= {"monitored_resource", "ledger"}
        assert set(re.findall(r"by \((\w+)\)", query)) <= {"ledger"}


def test_failed_jobs_are_found_by_the_name_that_jobs_have():
    [condition] = policies()["policy_job_failed.json"]["conditions"]
    told = condition["conditionThreshold"]["filter"]
    [beginning] = re.findall(r'job_name=starts_with\("([^"]+)"\)', told)
    job = JobFacts(pipeline="musiq-score", output="gs://b/ledger", uris=())
    assert job_name_of(job).startswith(beginning)
    for name in ("launch_scheduler.json", "launch_airflow.json"):
        body = json.loads((FOLDER / name).read_text())["launchParameter"]
        assert body["jobName"].startswith(beginning)
