"""A Flink cluster: options checked and filled in before a job is submitted."""

import argparse
import json
import os
import shutil
import sys
import urllib.parse

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.runners.portability.flink_runner import MAGIC_HOST_NAMES

from pipelines.engines.job_service import (
    host_and_port,
    require_listener,
    wait_without_limit,
)
from schemas.errors import UsageError

_HOW = "see pipelines/engines/README.md"
_WORKERS = (
    "EXTERNAL with --environment_config HOST:PORT of the worker pool beside every "
    "TaskManager, DOCKER with --environment_config IMAGE, or PROCESS with "
    "--environment_config '{\"command\": ...}'"
)
# By environment, what --environment_options calls its --environment_config.
_OTHER_NAME = {
    "EXTERNAL": "external_service_address",
    "DOCKER": "docker_container_image",
    "PROCESS": "process_command",
}
# The end of a bundle cuts a batch short. Flink ends one after ten seconds, in which a
# core scores twenty photos. Rows are journalled within a bundle: nothing is at stake.
_BUNDLE_MILLISECONDS = 120_000
# Flink's own default is to give a job up with the first TaskManager that is lost.
_EXECUTION_RETRIES = 3


class FlinkJobOptions(PipelineOptions):
    """Options that Flink's job server takes and Beam's Python passes on to it."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--max_bundle_size", type=int)
        parser.add_argument("--max_bundle_time_mills", type=int)
        parser.add_argument("--number_of_execution_retries", type=int)
        parser.add_argument("--execution_retry_delay", type=int)


def require_flink(options: PipelineOptions) -> None:
    """Refuse what would fail, or hang without a word, once the job was submitted.

    Bundles are made long enough for full batches, Flink may restart the job, and the
    launcher waits as long as it takes.

    Raises:
      UsageError: Naming what is wrong and what would help.
    """
    _require_workers(options.view_as(PortableOptions))
    _require_job_server(options)
    job = options.view_as(FlinkJobOptions)
    if job.max_bundle_time_mills is None:
        job.max_bundle_time_mills = _BUNDLE_MILLISECONDS
    if job.number_of_execution_retries is None:
        job.number_of_execution_retries = _EXECUTION_RETRIES
    wait_without_limit(options)
    if options.view_as(FlinkRunnerOptions).parallelism < 1:
        print(
            "musiq: without --parallelism, the number of task slots to use, Flink goes "
            "by the cluster's parallelism.default, which is 1 if nobody has set it",
            file=sys.stderr,
        )


def _require_workers(portable: PortableOptions) -> None:
    """Refuse to leave open where the Python workers come from."""
    kind, config = portable.environment_type, portable.environment_config
    if not kind:
        raise UsageError(f"--runner FlinkRunner needs --environment_type: {_WORKERS}")
    if kind == "LOOPBACK":
        raise UsageError(
            "--environment_type LOOPBACK would score every photo in this process; give "
            + _WORKERS
        )
    if kind not in _OTHER_NAME:
        raise UsageError(
            f"--environment_type {kind} is not known here; give {_WORKERS}"
        )
    if config is None and portable.lookup_environment_option(_OTHER_NAME[kind]):
        return
    if not config:
        raise UsageError(
            f"--environment_type {kind} needs --environment_config; give {_WORKERS}"
        )
    if kind == "EXTERNAL" and not config.startswith("{"):
        host_and_port("--environment_config", config)
    elif kind == "PROCESS":
        _require_command(config)


def _require_command(config: str) -> None:
    try:
        found = json.loads(config)
    except ValueError:
        found = None
    if not (isinstance(found, dict) and isinstance(found.get("command"), str)):
        raise UsageError(
            f"--environment_config {config} is no JSON object with a command, such as "
            '{"command": "/opt/apache/beam/boot"}'
        )


def _require_job_server(options: PipelineOptions) -> None:
    """Refuse a job server that does not answer, or that could not be started."""
    flink = options.view_as(FlinkRunnerOptions)
    endpoint = options.view_as(PortableOptions).job_endpoint
    if endpoint == "embed":
        raise UsageError(
            "--job_endpoint embed is Beam's own service in this process, not Flink; "
            "leave --runner out to score on this machine"
        )
    if endpoint:
        require_listener("--job_endpoint", endpoint)
        return
    if flink.flink_master in MAGIC_HOST_NAMES:
        raise UsageError(
            "--runner FlinkRunner needs --job_endpoint HOST:PORT of a job server, or "
            "--flink_master HOST:PORT of a cluster; otherwise Flink would run inside a "
            "job server on this machine, where the embedded engine (leave --runner "
            f"out) does as well; {_HOW}"
        )
    master = urllib.parse.urlsplit(flink.flink_master)
    require_listener("--flink_master", master.netloc or flink.flink_master)
    _require_jar(flink.flink_job_server_jar)
    if not flink.flink_submit_uber_jar:
        _require_java(options.view_as(JobServerOptions).job_server_java_launcher)


def _require_jar(jar: str | None) -> None:
    if not jar:
        raise UsageError(
            "--flink_master without --job_endpoint needs --flink_job_server_jar, "
            f"Beam's job server for the cluster's version of Flink; {_HOW}"
        )
    if not (urllib.parse.urlsplit(jar).scheme or os.path.isfile(jar)):
        raise UsageError(f"--flink_job_server_jar {jar}: no such file; {_HOW}")


def _require_java(launcher: str) -> None:
    if not shutil.which(launcher):
        raise UsageError(
            f"the job server is a Java program, and there is no {launcher!r} here: "
            "install Java 17, or give --job_endpoint of a job server that runs already"
        )
