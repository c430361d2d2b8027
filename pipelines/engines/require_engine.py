"""Everything about an engine that can be wrong, checked before anything starts."""

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engines.engine import Engine, JobFacts
from pipelines.engines.flink import require_flink
from pipelines.engines.prism import require_prism
from pipelines.engines.runners import make_runner
from schemas.errors import UsageError


def require_engine(engine: Engine, options: PipelineOptions, job: JobFacts) -> None:
    """Refuse a job that its engine could not run, and fill in what was left open.

    Args:
      engine: Where it is to run.
      options: Beam's options; workers, labels and the job's name are added to them for
        engines that have such things.
      job: The job that is to run.

    Raises:
      UsageError: Naming what is wrong and what would help.
    """
    if engine is Engine.PRISM:
        require_prism(options)
    elif engine is Engine.FLINK:
        require_flink(options)
    elif engine is Engine.DATAFLOW:
        try:
            from pipelines.engines.dataflow.checks import require_dataflow
        except ImportError as error:
            raise UsageError(
                "--runner DataflowRunner needs packages that are not installed: pip "
                "install 'musiq[dataflow]'"
            ) from error
        require_dataflow(options, job)
    make_runner(engine, options, workers=1)
