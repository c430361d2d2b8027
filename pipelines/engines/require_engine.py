"""Everything about an engine that can be wrong, checked before anything starts."""

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engines.engine import Engine, JobFacts, engine_of
from pipelines.engines.flink import require_flink
from pipelines.engines.prism import require_prism
from pipelines.engines.runners import make_runner
from schemas.errors import UsageError


def require_engine(options: PipelineOptions, job: JobFacts) -> None:
    """Refuse a job that its engine could not run, and fill in what was left open.

    Args:
      options: Beam's options; workers, labels and the job's name are added to them for
        engines that have such things.
      job: The job that is to run.

    Raises:
      UsageError: Naming what is wrong and what would help.
    """
    engine = engine_of(options)
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
    make_runner(options, workers=1)


def label_models(options: PipelineOptions, models: dict[str, str]) -> None:
    """Let the engine's record of a job say which models it scores with.

    Args:
      options: Beam's options, after `require_engine`.
      models: Digest of each model file by the model's name.
    """
    if engine_of(options) is Engine.DATAFLOW:
        from pipelines.engines.dataflow.labels import add_model_label

        add_model_label(options, models)
