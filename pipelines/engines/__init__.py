"""From Beam options to the engine that executes a job."""

from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.causes import one_line_cause, refusal
from pipelines.engines.embedded import is_worker_death, limit_to_one_thread
from pipelines.engines.engine import Engine, JobFacts, engine_of, is_embedded
from pipelines.engines.follow import follow_job
from pipelines.engines.require_engine import label_models, require_engine
from pipelines.engines.runners import make_runner

__all__ = [
    "Engine",
    "JobFacts",
    "engine_of",
    "follow_job",
    "is_embedded",
    "is_worker_death",
    "label_models",
    "limit_to_one_thread",
    "make_runner",
    "one_line_cause",
    "parse_beam_options",
    "refusal",
    "require_engine",
]
