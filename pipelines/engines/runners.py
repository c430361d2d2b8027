"""The runner object of each engine."""

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineRunner, create_runner

from pipelines.engines.embedded.runner import embedded_runner
from pipelines.engines.engine import Engine
from schemas.errors import UsageError

_WHY_NOT_DASK = (
    "Beam's Dask runner is refused, because it loses rows without a word: what is "
    "emitted at the end of a bundle, and all but one branch of the job; use "
    "--runner FlinkRunner for a cluster of your own"
)


def make_runner(
    engine: Engine, options: PipelineOptions, *, workers: int
) -> PipelineRunner:
    """Return the runner that the options name.

    Args:
      engine: The engine that they mean by it.
      options: Beam's options.
      workers: Local processes of the embedded engine; with 1 the job runs in this one.

    Raises:
      UsageError: If the runner is unknown, not installed, or would lose data.
    """
    if engine is Engine.EMBEDDED:
        return embedded_runner(options, workers)
    if engine is Engine.DASK:
        raise UsageError(_WHY_NOT_DASK)
    name = options.view_as(StandardOptions).runner
    try:
        return create_runner(name)
    except (ImportError, ValueError, AttributeError) as error:
        raise UsageError(f"--runner {name} cannot be used: {error}") from error
