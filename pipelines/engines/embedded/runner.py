"""The embedded engine's runner: a job in processes of this machine."""

import shlex
import sys

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.portability.api import beam_provision_api_pb2
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

_WORKER_MODULE = "pipelines.engines.embedded.worker"


def embedded_runner(options: PipelineOptions, workers: int) -> PipelineRunner:
    """Return the FnApi runner, which tells its workers the options (provision info).

    Args:
      options: Beam's options; the number of workers is added to them.
      workers: Processes; with 1 the job runs in this one.
    """
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
