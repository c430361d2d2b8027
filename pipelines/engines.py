"""From Beam options to the runner that executes a job."""

import argparse
import contextlib
import io
import logging
import os
import re
import shlex
import sys
from collections.abc import Sequence

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import (
    ExtendedProvisionInfo,
    FnApiRunner,
)
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineRunner, create_runner
from apache_beam.transforms.environments import (
    EmbeddedPythonEnvironment,
    Environment,
    SubprocessSDKEnvironment,
)

from pipelines.arguments import UsageError, flags_of, refuse_unknown
from pipelines.quiet_beam import no_log_warnings
from pipelines.worker_processes import WORKER_DEATH

EMBEDDED_NAMES = frozenset({None, "DirectRunner", "EmbeddedRunner"})
_WORKER_DEATHS = (WORKER_DEATH, "Channel closed prematurely")
_WORKER_MODULE = "pipelines.embedded_worker"


def is_embedded(options: PipelineOptions) -> bool:
    """Whether the job runs in processes of this machine.

    "DirectRunner" means this too: in Beam 2.77 that name would try to download another
    engine first, and loses options on the way to worker processes.
    """
    return options.view_as(StandardOptions).runner in EMBEDDED_NAMES


def parse_beam_options(
    program: str, arguments: Sequence[str], own_flags: Sequence[str]
) -> PipelineOptions:
    """Return Beam's options of a job.

    Args:
      program: For messages, such as "musiq score".
      arguments: What the program itself did not take.
      own_flags: The program's own flags, to guess at what was meant.

    Raises:
      UsageError: If Beam does not know an argument either, or refuses its value.
    """
    parsers: list[argparse.ArgumentParser] = []
    said = io.StringIO()  # Beam's usage is two pages; its last line says what is wrong
    try:
        with contextlib.redirect_stderr(said), no_log_warnings():
            options = PipelineOptions(list(arguments))
            options.get_all_options(add_extra_args_fn=parsers.append)
            _, unknown = parsers[0].parse_known_args(arguments)
    except SystemExit as error:
        _, _, reason = said.getvalue().strip().rpartition("error: ")
        raise UsageError(f"Beam refuses an option: {reason}") from error
    refuse_unknown(program, unknown, [*own_flags, *flags_of(parsers[0])])
    return options


def make_runner(options: PipelineOptions, *, workers: int) -> PipelineRunner:
    """Return the runner that the options name.

    Args:
      options: Beam's options; `runner` chooses, embedded is the default.
      workers: Local processes of the embedded engine; with 1 the job runs in this one.

    Raises:
      UsageError: If the runner is unknown or not installed.
    """
    if is_embedded(options):
        return _embedded_runner(options, workers)
    name = options.view_as(StandardOptions).runner
    try:
        return create_runner(name)
    except (ImportError, ValueError, AttributeError) as error:
        raise UsageError(f"--runner {name} cannot be used: {error}") from error


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


def one_line_cause(
    error: BaseException, known: tuple[type[Exception], ...]
) -> str | None:
    """Return the message of the known error that made a job fail, if there is one.

    Args:
      error: What the runner raised: the error itself, one that it caused, or one whose
        text holds a worker's traceback.
      known: Errors whose one-line messages are meant for users.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, known):
            return _without_step(str(cause))
        cause = cause.__cause__ or cause.__context__
    names = "|".join(re.escape(f"{k.__module__}.{k.__qualname__}") for k in known)
    lines = re.findall(rf"^(?:{names}): (.+)$", str(error), re.MULTILINE)
    return _without_step(lines[-1]) if lines else None


def _without_step(message: str) -> str:
    """Cut what Beam appends about the step that was running."""
    return message.partition(" [while running")[0]


def _embedded_runner(options: PipelineOptions, workers: int) -> PipelineRunner:
    """Return the FnApi runner, which tells its workers the options (provision info)."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
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
