"""The Flex Template: metadata, launch bodies and container agree with the command."""

import json
import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from google.cloud import dataflow as api
from google.protobuf import json_format
from helpers.run_musiq import ROOT

from pipelines.dataflow.metadata import template_metadata
from pipelines.dataflow.template_parameters import (
    score_parameters,
    template_parameters,
    to_arguments,
)
from pipelines.engines.dataflow.workers import profile_for
from pipelines.engines.embedded.compilation_cache import use_compilation_cache
from pipelines.scoring.arguments import SCORE
from pipelines.scoring.config import ScoringConfig
from pipelines.storage import storage_for

FOLDER = ROOT / "pipelines" / "dataflow"
REGEXES = {p.name: p.regex for p in template_parameters()}


def parse(message, value: dict):
    """Parse strictly: an unknown field or a wrong kind of value raises."""
    return json_format.ParseDict(value, message.pb()())


def body(name: str) -> dict:
    return json.loads((FOLDER / name).read_text())


def test_the_metadata_is_that_of_the_commands_arguments():
    assert body("metadata.json") == template_metadata(), (
        "run python -m pipelines.dataflow.metadata > pipelines/dataflow/metadata.json"
    )


def test_every_flag_is_a_parameter_or_means_this_machine():
    names = {flag.name for flag in SCORE.flags}
    local = {flag.name for flag in SCORE.flags if flag.is_local}
    assert local == {"json", "quiet", "verify_content", "workers"}
    assert {p.name for p in score_parameters()} == names - local


def test_dataflow_takes_the_metadata():
    metadata = parse(api.TemplateMetadata, template_metadata())
    assert len(metadata.parameters) == len(REGEXES)
    for parameter in metadata.parameters:
        assert parameter.help_text
        assert parameter.regexes
    with pytest.raises(json_format.ParseError):
        parse(api.TemplateMetadata, {"parameters": [{"paramType": "TXT"}]})


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("input",
         ["gs://b/p/", "gcs://b/[ab] c/*.jpg", '["gs://a/b c", "gs://bb"]'],
         ["photos/", "/srv", "[gs://a]", "", "http://b/x", "s3://b/p/",
          "s3a://b/p/", '["gs://aa", "s3://bb"]']),
        ("output", ["gs://b/ledger"],
         ["ledger", '["gs://a"]', "gs://", "s3://b/ledger"]),
        ("model",
         ["builtin", "gs://b/m@latest", "ava=gs://b/m", '["ava=gs://a/m", "builtin"]'],
         ["m.safetensors", "=gs://b/m", "", "s3://b/m", "ava=s3n://b/m",
          '["gs://aa", "s3://bb"]', '["m.safetensors"]']),
        ("allow_bucket", ["gs://b", "gcs://b/", '["gs://a", "gs://b/"]'],
         ["b", "gs://b/folder", "s3://b", '["gs://a", "s3://b"]']),
        ("device", ["cpu", "gpu", "tpu"], ["GPU", "cuda", ""]),
        ("max_pixels", ["1", "67108864"], ["0", "-1", "1e6", "many"]),
        ("decode_timeout_seconds", ["10", "0.5", "10.0"], ["0", "-1", "", "ten"]),
        ("max_failure_rate", ["0", "0.05", "1", "1.0"], ["1.5", "-0.1", "5%"]),
        ("max_vanished_rate", ["0", "0.2", "1", "1.0"], ["1.5", "-0.1", "20%"]),
        ("rescore", ["true", "false"], ["yes", "1", ""]),
        ("max_num_workers", ["20"], ["0", "x"]),
        ("dataflow_service_options",
         ["worker_accelerator=type:nvidia-tesla-t4;count:1", "use_x"], ["=", ""]),
    ],
)  # fmt: skip
def test_regexes_let_good_values_through_alone(name, good, bad):
    for value in good:
        assert re.search(REGEXES[name], value), value
    for value in bad:
        assert not re.search(REGEXES[name], value), value


def test_defaults_of_the_command_pass_the_regexes():
    defaults = ScoringConfig(input=("x",), output="y")
    for name in REGEXES.keys() & vars(defaults).keys() - {"input", "output"}:
        value = getattr(defaults, name)
        if value not in (None, ()):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            assert re.search(REGEXES[name], text), name


def test_a_launchers_values_become_the_command_line():
    launched = [
        '--input=["gs://a/x y/", "gs://b/"]',
        "--model=ava=gs://m/ava",
        "--rescore=true",
        "--output=gs://a/ledger",
        "--labels={'team': 'photos'}",
        "--runner=DataflowRunner",
        "--streaming",
    ]
    assert to_arguments(launched) == [
        "--input=gs://a/x y/",
        "--input=gs://b/",
        *launched[1:2],
        "--rescore",
        *launched[3:],
    ]
    assert to_arguments(["--rescore=false"]) == []
    for wrong in ("--rescore=yes", '--input=["gs://a"', "--model=[1]"):
        with pytest.raises(ValueError, match=wrong.partition("=")[0]):
            to_arguments([wrong])


@pytest.mark.parametrize("name", ["launch_scheduler.json", "launch_airflow.json"])
def test_dataflow_takes_the_launch_bodies(name):
    launch = body(name)["launchParameter"]
    parse(api.LaunchFlexTemplateRequest, body(name))
    given = launch["parameters"]
    for parameter, value in given.items():
        assert re.search(REGEXES[parameter], value), parameter
    assert {p.name for p in score_parameters() if not p.is_optional} <= given.keys()
    profile = profile_for(given.get("device", "cpu"))
    assert launch["environment"]["machineType"] == profile.machine_type
    assert launch["environment"]["diskSizeGb"] == profile.disk_size_gb
    assert given["max_num_workers"] == str(profile.max_workers)
    assert "@sha256:" in launch["environment"]["sdkContainerImage"]
    assert "team" in launch["environment"]["additionalUserLabels"]
    assert launch["environment"]["subnetwork"].endswith("/subnetworks/musiq")


def test_the_sizing_table_is_photos_by_hours_and_rates():
    text = (FOLDER / "README.md").read_text()
    cpu, gpu = re.search(r"With ([\d.]+) photos .* worker and (\d+) for", text).groups()
    rows = re.findall(r"^\| (\d[\d,]+) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) == 3
    for photos, workers in rows:
        count = int(photos.replace(",", ""))
        expected = [
            math.ceil(count / (hours * 3600 * float(rate)))
            for rate in (cpu, gpu)
            for hours in (8, 24)
        ]
        assert [int(cell) for cell in workers.split(" | ")] == expected


def test_the_worksheet_is_core_seconds_by_cores():
    text = (FOLDER / "README.md").read_text()
    [header] = re.findall(r"^\| photos of .+$", text, re.MULTILINE)
    cores = [int(count) for count in re.findall(r"(\d) cores", header)]
    row = r"^\| .*megapixels.* \| ([\d.]+) \| ([\d,]+) \| ([\d,]+) \|"
    rows = re.findall(row, text, re.MULTILINE)
    assert (len(rows), len(cores)) == (4, 2)
    for core_seconds, *hours in rows:
        expected = [math.ceil(1e6 * float(core_seconds) / 3600 / n) for n in cores]
        assert [int(one.replace(",", "")) for one in hours] == expected
    prices = json.loads((FOLDER / "prices.example.json").read_text())
    told = set(re.findall(r"per_[a-z_]+", text))
    assert told == {name for name in prices if name.startswith("per_")}


def dockerfile() -> str:
    return (FOLDER / "Dockerfile").read_text()


def test_the_container_has_what_is_locked_and_no_tensorflow():
    lock = (ROOT / "requirements.lock").read_text()
    beam = re.search(r"^apache-beam==(\S+)", lock, re.MULTILINE)[1]
    assert f"ARG BEAM={beam}\n" in dockerfile()
    for name in ("", "-gpu", "-formats"):
        name = f"requirements{name}.lock"
        assert name in dockerfile()
        assert "tensorflow" not in (ROOT / name).read_text()
    assert "google-cloud-dataflow-client==" in lock
    assert dockerfile().count("--require-hashes") == 2
    assert "FLEX_TEMPLATE_PYTHON_REQUIREMENTS_FILE" not in dockerfile()


def test_every_base_can_be_given_by_its_digest():
    bases = re.findall(r"^FROM (\S+)", dockerfile(), re.MULTILINE)
    assert bases == ["${BEAM_IMAGE}", "${LAUNCHER_IMAGE}", "${PYTHON_IMAGE}"]
    runbook = (FOLDER / "README.md").read_text()
    for base in bases:
        name = base.strip("${}")
        assert f"\nARG {name}=" in dockerfile()
        assert f"--build-arg {name}=" in runbook


def test_workers_keep_compiled_programs_as_other_engines_do(monkeypatch, tmp_path):
    told = re.search(r"^ENV (JAX_COMPILATION_CACHE_DIR=.+)$", dockerfile(), re.M)[1]
    image = dict(one.split("=") for one in told.split())
    for name in image:
        monkeypatch.delenv(name, raising=False)
    with warnings.catch_warnings():
        use_compilation_cache()
    for name in image.keys() - {"JAX_COMPILATION_CACHE_DIR"}:
        assert float(os.environ[name]) == float(image[name]), name
        monkeypatch.delenv(name)
    image["JAX_COMPILATION_CACHE_DIR"] = str(tmp_path / "compiled")
    code = "import jax; jax.jit(lambda x: x + 1)(1.0)"
    env = os.environ | image | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert any((tmp_path / "compiled").iterdir())


def pins(name: str) -> set[tuple[str, str]]:
    lock = (ROOT / name).read_text()
    return set(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE))


def test_the_gpu_lock_has_the_versions_of_the_lock():
    common, gpu = pins("requirements.lock"), pins("requirements-gpu.lock")
    assert "jax-cuda12-plugin" in dict(gpu)
    for name, version in gpu:
        assert name not in dict(common) or (name, version) in common


def test_the_decoders_of_formats_are_those_that_are_tested():
    formats = pins("requirements-formats.lock")
    assert dict(formats).keys() == {"imagecodecs", "pi-heif"}
    assert formats <= pins("requirements-dev.lock")


@pytest.mark.engines
def test_the_launchers_command_writes_the_job_that_the_service_starts(
    arguments, scene, dataflow, gcs
):
    """Run what the image's launcher runs, by the environment of the Dockerfile."""
    told = re.search(r"FLEX_TEMPLATE_PYTHON_PY_FILE=/template/(\S+)", dockerfile())[1]
    flags = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    flags["--input"] = json.dumps([flags["--input"]])
    flags |= {"--rescore": "true", "--labels": "{'team': 'photos'}"}
    flags["--template_location"] = f"{scene}/temp/template_launches/1/job_object"
    done = subprocess.run(
        [sys.executable, ROOT / told, *(f"{k}={v}" for k, v in flags.items())],
        capture_output=True,
        text=True,
        env=os.environ | gcs.env | {"PYTHONPATH": str(ROOT)},
        cwd=Path("/"),
    )
    assert done.returncode == 0, done.stderr
    assert "no job was started" in done.stderr
    uri = flags["--template_location"]
    with storage_for(uri).open_read(uri) as file:
        job = json.load(file)
    assert job["labels"]["team"] == "photos"
    parse(api.Job, job)
