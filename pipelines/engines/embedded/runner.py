"""The embedded engine: a job in processes of this machine."""

import logging
import os
import shlex
import sys

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.portability.fn_api_runner.fn_runner import (
    ExtendedProvisionInfo,
    FnApiRunner,
)
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineRunner
from apache_beam.transforms.environments import (
    EmbeddedPythonEnvironment,
    Environment,
    SubprocessSDKEnvironment,
)

from pipelines.engines.embedded.deaths import WORKER_DEATH

_WORKER_DEATHS = (WORKER_DEATH, "Channel closed prematurely")
_WORKER_MODULE = "pipelines.engines.embedded.worker"


def embedded_runner(options: PipelineOptions, workers: int) -> PipelineRunner:
    """Return the FnApi runner, which tells its workers the options (provision info)."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    # What goes to a worker is sent whole. Once a second Beam would send what it has by
    # then, in a thread beside the one that writes, and drop what is written meanwhile.
    worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0
    # With one heap for all threads, memory that one has freed serves the others.
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    command = f"{shlex.quote(sys.executable)} -m {_WORKER_MODULE}"
    options.view_as(DirectOptions).direct_num_workers = workers
    environment: Environment
    # Beam's decorator hides from the type checker that these are classes.
    if workers == 1:
        environment = EmbeddedPythonEnvironment.default()  # pyright: ignore[reportFunctionMemberAccess]
    else:
        environment = SubprocessSDKEnvironment.from_command_string(command)  # pyright: ignore[reportFunctionMemberAccess]
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    return FnApiRunner(
        default_environment=environment,
        provision_info=ExtendedProvisionInfo(
            beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
        ),
    )


def limit_to_one_thread() -> None:
    """Make JAX and numpy in this process and its children use one thread each.

    One single-threaded process a core does 1.8 times the work of one process with two
    threads. Call before JAX is imported.
    """
    os.environ["NPROC"] = "1"
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def is_worker_death(error: BaseException) -> bool:
    """Whether the embedded engine failed because one of its processes ended."""
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in _WORKER_DEATHS
    )
