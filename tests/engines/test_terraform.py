"""The Terraform file is well formed and whole, and makes what the runbook says."""

import json
import re
import shutil
import subprocess

import pytest
from helpers.run_musiq import ROOT

hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 is not installed")

FOLDER = ROOT / "pipelines" / "dataflow"
SOURCE = "".join(
    file.read_text() for file in sorted((FOLDER / "terraform").glob("*.tf"))
)
RUNBOOK = (FOLDER / "README.md").read_text()
QUOTE = '"'  # hcl2 leaves the quotes of names where they are


def named(kind: str) -> dict[str, dict]:
    """All blocks of a kind by their name; of resources, by type and name."""
    blocks = hcl2.loads(SOURCE).get(kind, [])
    if kind == "resource":
        blocks = [
            {f"{of.strip(QUOTE)}.{name.strip(QUOTE)}": body}
            for block in blocks
            for of, inner in block.items()
            for name, body in inner.items()
        ]
    return {name.strip(QUOTE): body for block in blocks for name, body in block.items()}


def test_every_reference_is_to_something_that_is_there():
    code = re.sub(r"#.*", "", SOURCE)
    resources = set(re.findall(r"\b(google_[a-z_]+\.[a-z_]+)\b", code))
    assert resources
    assert resources <= named("resource").keys()
    variables = set(re.findall(r"\bvar\.([a-z_]+)", code))
    assert variables == named("variable").keys()
    assert set(re.findall(r"\blocal\.([a-z_]+)", code)) == {
        name
        for local in hcl2.loads(SOURCE)["locals"]
        for name in local
        if not name.startswith("__")
    }


def test_variables_and_outputs_say_what_they_are():
    for kind in ("variable", "output"):
        for name, body in named(kind).items():
            assert body.get("description"), name


def test_the_roles_are_those_of_the_runbooks_table():
    rows = [line for line in RUNBOOK.splitlines() if re.match(r"\|.*`roles/", line)]
    told = {re.search(r"`(roles/[^`]+)`", row)[1] for row in rows}
    given = set(re.findall(r'role\s+= "(roles/[^"]+)"', SOURCE))
    assert given == told - {"roles/cloudkms.cryptoKeyEncrypterDecrypter"}


def test_the_services_are_those_of_the_runbook():
    [line] = re.findall(r"^gcloud services enable (.+)$", RUNBOOK, re.MULTILINE)
    assert sorted(re.findall(r'"([a-z]+\.googleapis\.com)"', SOURCE)) == sorted(
        line.split()
    )


def test_the_subnet_reaches_google_and_the_bucket_keeps_nothing_deleted():
    resources = named("resource")
    subnet = resources["google_compute_subnetwork.musiq"]
    assert subnet["private_ip_google_access"] is True
    bucket = resources["google_storage_bucket.musiq"]
    [policy] = bucket["soft_delete_policy"]
    assert policy["retention_duration_seconds"] == 0


def test_every_field_of_metrics_and_alerts_is_taken_over():
    for file in (FOLDER / "alerts").glob("*.json"):
        for field in re.findall(r'"(\w+)":', file.read_text()):
            assert field == "ledger" or re.search(rf"\.{field}\b", SOURCE), field


@pytest.mark.skipif(shutil.which("terraform") is None, reason="there is no terraform")
def test_terraform_finds_the_alerts_files_and_puts_the_ledgers_name_in(tmp_path):
    [found] = re.findall(r"^locals {.*?alerts.*?^}", SOURCE, re.MULTILINE | re.DOTALL)
    (tmp_path / "main.tf").write_text(
        'variable "bucket" { default = "b" }\nvariable "ledger" { default = "l" }\n'
        + found.replace("${path.module}/..", str(FOLDER))
    )
    done = subprocess.run(
        ["terraform", f"-chdir={tmp_path}", "console"],
        input="jsonencode([local.metrics, local.policies])",
        capture_output=True,
        text=True,
    )
    metrics, policies = json.loads(json.loads(done.stdout))
    alerts = {file.stem: file.read_text() for file in (FOLDER / "alerts").iterdir()}
    assert {f"metric_{name}": one for name, one in metrics.items()} | {
        f"policy_{name}": one for name, one in policies.items()
    } == {
        name: json.loads(text.replace("gs://my-bucket/ledger", "gs://b/l"))
        for name, text in alerts.items()
    }
    assert (
        "gs://b/l"
        in policies["no_commit"]["conditions"][0]["conditionPrometheusQueryLanguage"][
            "query"
        ]
    )


@pytest.mark.skipif(shutil.which("terraform") is None, reason="there is no terraform")
def test_terraform_reads_it_and_would_write_it_the_same():
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", FOLDER / "terraform"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
