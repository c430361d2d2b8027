"""What would go wrong on Flink is said in one line before anything is submitted."""

import socket

import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.runners.portability.portable_runner import JobServiceHandle

from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.engine import JobFacts
from pipelines.engines.flink import FlinkJobOptions
from pipelines.engines.job import Job
from schemas.errors import UsageError
from schemas.programs.program import EngineArguments

FACTS = JobFacts(pipeline="musiq-score", output="/ledger", uris=("/ledger", "/photos"))


def check(options: PipelineOptions) -> None:
    Job("musiq score", options, FACTS).check()


@pytest.fixture(scope="module")
def endpoint():
    """An address at which somebody listens."""
    with socket.create_server(("localhost", 0)) as listener:
        yield f"localhost:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def nobody():
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return f"localhost:{probe.getsockname()[1]}"


@pytest.fixture
def good(endpoint) -> dict[str, str]:
    return {
        "job_endpoint": endpoint,
        "environment_type": "EXTERNAL",
        "environment_config": "localhost:50000",
        "parallelism": "4",
    }


def options_with(told: dict) -> PipelineOptions:
    flags = [f"--{name}={value}" for name, value in told.items() if value is not None]
    return parse_beam_options(EngineArguments(("--runner=FlinkRunner", *flags)))


def refusal_of(told: dict) -> str:
    with pytest.raises(UsageError) as raised:
        check(options_with(told))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment_type": None}, "needs --environment_type: EXTERNAL with"),
        ({"environment_type": "LOOPBACK"}, "score every photo in this process"),
        ({"environment_type": "external"}, "--environment_type external is not known"),
        ({"environment_config": None}, "EXTERNAL needs --environment_config"),
        ({"environment_config": "pool"}, "--environment_config pool is no HOST:PORT"),
        ({"environment_config": "pool:0"}, "pool:0 is no HOST:PORT"),
        (
            {"environment_type": "DOCKER", "environment_config": None},
            "DOCKER needs --environment_config",
        ),
        ({"environment_type": "PROCESS"}, "is no JSON object with a command"),
        (
            {"environment_type": "PROCESS", "environment_config": '{"env": {}}'},
            "is no JSON object with a command",
        ),
        ({"job_endpoint": "embed"}, "is Beam's own service in this process, not Flink"),
        ({"job_endpoint": "http://flink:8099"}, "is no HOST:PORT"),
    ],
)
def test_workers_and_addresses_that_cannot_be_right_are_told(good, changes, message):
    assert message in refusal_of(good | changes)


@pytest.mark.parametrize(
    "workers",
    [
        {"environment_config": '{"url": "localhost:50000"}'},
        {
            "environment_config": None,
            "environment_options": "external_service_address=localhost:50000",
        },
        {"environment_type": "DOCKER", "environment_config": "registry/musiq@sha256:0"},
        {
            "environment_type": "PROCESS",
            "environment_config": '{"command": "/opt/apache/beam/boot"}',
        },
    ],
)
def test_every_way_to_say_where_workers_come_from_is_taken(good, workers):
    check(options_with(good | workers))


def test_a_job_server_that_does_not_answer_is_told(good, nobody):
    found = refusal_of(good | {"job_endpoint": nobody})
    assert f"--job_endpoint {nobody}: nobody listens there" in found


@pytest.mark.parametrize("master", [None, "[auto]", "[local]"])
def test_a_flink_inside_the_launcher_is_refused(good, master):
    found = refusal_of(good | {"job_endpoint": None, "flink_master": master})
    assert "needs --job_endpoint HOST:PORT of a job server, or --flink_master" in found


@pytest.fixture
def cluster(good, endpoint, tmp_path) -> dict:
    """Options of a job whose job server Beam is to start here."""
    jar = tmp_path / "job-server.jar"
    jar.write_bytes(b"PK")
    return good | {
        "job_endpoint": None,
        "flink_master": endpoint,
        "flink_job_server_jar": jar,
        "job_server_java_launcher": "true",  # any program will do for the check
    }


def test_a_job_server_that_could_not_be_started_is_told(cluster, nobody):
    check(options_with(cluster))
    for changes, message in [
        ({"flink_master": nobody}, f"--flink_master {nobody}: nobody listens there"),
        ({"flink_master": "cluster"}, "--flink_master cluster is no HOST:PORT"),
        ({"flink_job_server_jar": None}, "needs --flink_job_server_jar"),
        ({"flink_job_server_jar": "/no.jar"}, "/no.jar: no such file"),
        ({"job_server_java_launcher": "no-java"}, "there is no 'no-java' here"),
    ]:
        assert message in refusal_of(cluster | changes)


def test_no_java_is_needed_where_the_cluster_takes_the_jar(cluster):
    told = cluster | {"job_server_java_launcher": "no-java"}
    flags = [f"--{name}={value}" for name, value in told.items() if value is not None]
    arguments = ["--runner=FlinkRunner", "--flink_submit_uber_jar", *flags]
    check(parse_beam_options(EngineArguments(tuple(arguments))))


def test_a_version_that_beam_has_no_job_server_for_is_refused(good):
    for version in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS:
        check(options_with(good | {"flink_version": version}))
    with pytest.raises(UsageError) as raised:
        options_with(good | {"flink_version": "1.17"})
    assert "--flink_version: invalid choice: '1.17' (choose from" in str(raised.value)
    assert "\n" not in str(raised.value)


def sent_to_the_job_server(options: PipelineOptions) -> dict:
    return dict(JobServiceHandle.encode_pipeline_options(options.get_all_options()))


def test_bundles_last_long_enough_for_full_batches_unless_told_otherwise(good):
    options = options_with(good)
    check(options)
    sent = sent_to_the_job_server(options)
    assert int(sent["beam:option:max_bundle_time_mills:v1"]) >= 60_000
    assert "beam:option:max_bundle_size:v1" not in sent
    assert sent["beam:option:parallelism:v1"] == "4"
    told = good | {"max_bundle_time_mills": "5", "max_bundle_size": "7"}
    options = options_with(told)
    check(options)
    sent = sent_to_the_job_server(options)
    assert sent["beam:option:max_bundle_time_mills:v1"] == "5"
    assert sent["beam:option:max_bundle_size:v1"] == "7"


def test_flink_may_restart_the_job_unless_told_otherwise(good):
    options = options_with(good)
    check(options)
    sent = sent_to_the_job_server(options)
    assert int(sent["beam:option:number_of_execution_retries:v1"]) > 0
    options = options_with(good | {"number_of_execution_retries": "0"})
    check(options)
    sent = sent_to_the_job_server(options)
    assert sent["beam:option:number_of_execution_retries:v1"] == "0"


def test_flinks_options_are_not_sent_to_other_engines():
    options = parse_beam_options(EngineArguments())
    check(options)
    assert options.view_as(FlinkJobOptions).max_bundle_time_mills is None


def test_a_job_may_take_longer_than_beams_limit_for_one_request(good):
    options = options_with(good)
    check(options)
    assert options.view_as(PortableOptions).job_server_timeout > 30 * 24 * 3600
    options = options_with(good | {"job_server_timeout": "60"})
    check(options)
    assert options.view_as(PortableOptions).job_server_timeout == 60


def test_a_cluster_may_be_left_with_its_own_parallelism_but_is_named(good, capsys):
    check(options_with(good))
    assert capsys.readouterr().err == ""
    check(options_with(good | {"parallelism": None}))
    [line] = capsys.readouterr().err.splitlines()
    assert "--parallelism" in line
