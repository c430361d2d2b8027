"""The engines that jobs run on, and what an engine must know of a job."""

import dataclasses
import enum
import re

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions


class Engine(enum.Enum):
    """Where a job runs, by what differs for the program that starts it."""

    EMBEDDED = "embedded"
    PRISM = "prism"
    FLINK = "flink"
    DATAFLOW = "dataflow"
    DASK = "dask"
    OTHER = "other"

    @property
    def is_on_this_machine(self) -> bool:
        """Whether workers are processes of this machine, with its files and devices."""
        return self in (Engine.EMBEDDED, Engine.PRISM)

    @property
    def is_submitted(self) -> bool:
        """Whether the program ends when the job is accepted, not when it is done."""
        return self in (Engine.DATAFLOW, Engine.OTHER)


_BY_NAME = {
    "": Engine.EMBEDDED,
    "direct": Engine.EMBEDDED,
    "embedded": Engine.EMBEDDED,
    "prism": Engine.PRISM,
    "flink": Engine.FLINK,
    "dataflow": Engine.DATAFLOW,
    "dask": Engine.DASK,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobFacts:
    """What an engine must know of a job before it starts.

    Attributes:
      pipeline: The kind of job, such as "musiq-score".
      output: The folder that it writes; two jobs must not write one at once.
      uris: Everything its workers read and write.
      device: What its workers compute on: "cpu", "gpu" or "tpu".
    """

    pipeline: str
    output: str
    uris: tuple[str, ...]
    device: str = "cpu"

    def __post_init__(self):
        if not re.fullmatch("[a-z][-a-z0-9]{0,20}[a-z0-9]", self.pipeline):
            raise ValueError(f"{self.pipeline!r} cannot begin a job's name")


def engine_of(options: PipelineOptions) -> Engine:
    """Return the engine that `--runner` names, as Beam reads that.

    "DirectRunner" means the embedded engine: in Beam 2.77 that name would try to
    download another engine first, and loses options on the way to worker processes.
    """
    runner = options.view_as(StandardOptions).runner or ""
    name = runner.rpartition(".")[2].lower().removesuffix("runner")
    return _BY_NAME.get(name, Engine.OTHER)
