"""One job of a program: checked, run to its end, started again, its failure told."""

import contextlib
import dataclasses
import functools
import itertools
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from pipelines.engines.causes import is_interrupt, known_cause, refusal
from pipelines.engines.embedded.deaths import is_worker_death
from pipelines.engines.embedded.process import install, limit_to_one_thread
from pipelines.engines.engine import Engine, JobFacts, engine_of
from pipelines.engines.job_service import silence_job_service
from pipelines.engines.log_lines import show_log_lines
from pipelines.engines.require_engine import require_engine
from pipelines.engines.runners import make_runner
from pipelines.engines.whereabouts import whereabouts
from schemas.errors import MusiqError
from schemas.text import printable

_MAX_RESTARTS = 3
_FAILED = 1

Build = Callable[[beam.Pipeline], object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recovery:
    """How a job goes on after its engine has failed it.

    Attributes:
      source: What it goes on from, in words, such as "its journal".
      lost_data: Errors by which the job tells that the engine lost some of its data.
      make_ready: Called before each new start; returns whether anything is left to do.
    """

    source: str
    lost_data: tuple[type[MusiqError], ...] = ()
    make_ready: Callable[[], bool]

    def reason(self, error: BaseException) -> str | None:
        """Return in what the engine has failed the job, None if it has not."""
        cause = known_cause(error)
        if cause and issubclass(cause.kind, self.lost_data):
            return "the engine lost some of its data"
        return "a worker process died" if is_worker_death(error) else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a job that its engine runs by itself, after those before it.

    Attributes:
      build: Puts its steps into a pipeline; called once for each start.
      recovery: How it goes on when its engine fails it; None starts it only once.
    """

    build: Build
    recovery: Recovery | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endings:
    """What a program says of a job that did not end well.

    Attributes:
      interrupted: After an interrupt.
      worker_died: After the death of workers, if the job has not recovered.
      exit_codes: By the class of an error, where its exit code is not 1.
      unsaid: Errors of which nothing is said, because the program has another way.
    """

    interrupted: str
    worker_died: str
    exit_codes: Mapping[type[MusiqError], int] = dataclasses.field(default_factory=dict)
    unsaid: tuple[type[MusiqError], ...] = ()

    def exit_code(self, kind: type[MusiqError]) -> int:
        """Return the exit code after an error."""
        codes = (c for known, c in self.exit_codes.items() if issubclass(kind, known))
        return next(codes, _FAILED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobFailure:
    """Why a job failed, as it was told.

    Attributes:
      exit_code: What its program returns.
      kind: Class of the error, such as "FailureBudgetError".
      line: What was said.
    """

    exit_code: int
    kind: str
    line: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job went, as far as its program waited for it.

    Attributes:
      is_done: Whether what it makes is there; a job that was handed over still runs.
      results: What the last start of each of its stages ended with, if it ended well.
      failure: Why it failed; None if it did not.
      unsaid: The error that it failed with if nothing was said of it.
    """

    is_done: bool = False
    results: tuple[PipelineResult, ...] = ()
    failure: JobFailure | None = None
    unsaid: type[MusiqError] | None = None

    @property
    def exit_code(self) -> int:
        """0, unless it failed."""
        return self.failure.exit_code if self.failure else 0

    @property
    def counters(self) -> dict[str, int]:
        """The job's counters by name; engines give none that stayed at zero."""
        totals: Counter[str] = Counter()
        for result in self.results:
            for counter in result.metrics().query()["counters"]:
                totals[counter.key.metric.name] += counter.result or 0
        return dict(totals)


@dataclasses.dataclass(frozen=True)
class Job:
    """A job of a program, on the engine that its options name.

    Attributes:
      program: For messages, such as "musiq score".
      options: Beam's options.
      facts: What its engine must know of it.
      is_quiet: Whether nothing is said but why it failed.
    """

    program: str
    options: PipelineOptions
    facts: JobFacts
    is_quiet: bool = False

    @functools.cached_property
    def engine(self) -> Engine:
        """Where the job runs."""
        return engine_of(self.options)

    def check(self) -> None:
        """Refuse a job that its engine could not run, and fill in what was left open.

        On this machine's CPU cores, this process and its children are limited to one
        thread each, which JAX asks for when it first computes: reading a model does.

        Raises:
          UsageError: Naming what is wrong and what would help.
        """
        show_log_lines(is_quiet=self.is_quiet)
        require_engine(self.engine, self.options, self.facts)
        if self.engine.is_on_this_machine and self.facts.device == "cpu":
            limit_to_one_thread()

    def label_models(self, models: Mapping[str, str]) -> None:
        """Let the engine's record of the job say which models it scores with.

        Args:
          models: Digest of each model file by the model's name.
        """
        if self.engine is Engine.DATAFLOW:
            from pipelines.engines.dataflow.labels import add_model_label

            add_model_label(self.options, models)

    def run(
        self,
        build: Build,
        endings: Endings,
        *,
        recovery: Recovery | None = None,
        workers: int | None = None,
        display: contextlib.AbstractContextManager[object] | None = None,
    ) -> Outcome:
        """Run the job, to its end if its engine has the program wait for it.

        Arguments are as `Stage` and `run_stages` have them. Whatever must happen after
        a job lies in its graph: a launcher of templates has no job to wait for, and one
        that has must not.
        """
        stage = Stage(build=build, recovery=recovery)
        return self.run_stages([stage], endings, workers=workers, display=display)

    def run_stages(
        self,
        stages: Iterable[Stage],
        endings: Endings,
        *,
        workers: int | None = None,
        display: contextlib.AbstractContextManager[object] | None = None,
    ) -> Outcome:
        """Run the stages of a job one after another, on an engine that is waited for.

        Args:
          stages: Each is asked for when those before it are done. Restarts are counted
            for each anew.
          endings: What to say if it does not end well: one line on stderr, after the
            traceback if the cause is none that users know.
          workers: Processes of the embedded engine; by default one a CPU core, and a
            single one to feed an accelerator.
          display: Entered while the job runs, to show how far it is.
        """
        workers = workers or self._default_workers
        results: list[PipelineResult] = []
        try:
            with display or contextlib.nullcontext():
                for stage in stages:
                    if result := self._start(stage.build, stage.recovery, workers):
                        results.append(result)
        except (Exception, KeyboardInterrupt) as error:
            cause = known_cause(error)
            if cause and issubclass(cause.kind, endings.unsaid):
                return Outcome(unsaid=cause.kind)
            return Outcome(failure=self.tell(error, endings))
        return Outcome(is_done=not self.engine.is_submitted, results=tuple(results))

    @property
    def _default_workers(self) -> int:
        return 1 if self.facts.device != "cpu" else os.cpu_count() or 1

    def _start(
        self, build: Build, recovery: Recovery | None, workers: int
    ) -> PipelineResult | None:
        """Start the job, again where it can recover; None if nothing was left to do."""
        for restart in itertools.count(1):
            try:
                return self._start_once(build, workers)
            except Exception as error:
                reason = recovery.reason(error) if recovery else None
                if not (recovery and reason):
                    raise
                if not recovery.make_ready():
                    return None
                if restart > _MAX_RESTARTS:
                    raise
            self._say(
                f"{reason}; the job goes on from {recovery.source} (restart {restart} "
                f"of {_MAX_RESTARTS})"
            )

    def _start_once(self, build: Build, workers: int) -> PipelineResult:
        show_log_lines(is_quiet=self.is_quiet)
        if self.engine is Engine.EMBEDDED:
            install()
        elif self.engine in (Engine.PRISM, Engine.FLINK):
            silence_job_service()
        runner = make_runner(self.engine, self.options, workers=workers)
        pipeline = beam.Pipeline(runner, self.options)
        build(pipeline)
        result = pipeline.run()
        if self.engine.is_submitted:
            self._say(whereabouts(self.options, result))
        else:
            result.wait_until_finish()
        return result

    def tell(self, error: BaseException, endings: Endings) -> JobFailure:
        """Say why the job failed, and return that; no warning comes after it."""
        show_log_lines(is_quiet=True)
        if is_interrupt(error):
            self._print(endings.interrupted)
            kind = KeyboardInterrupt.__name__
            return JobFailure(exit_code=_FAILED, kind=kind, line=endings.interrupted)
        code, kind, line = _FAILED, type(error).__name__, refusal(error)
        if is_worker_death(error):
            kind, line = "WorkerDeath", endings.worker_died
        elif cause := known_cause(error):
            code, kind = endings.exit_code(cause.kind), cause.kind.__name__
            line = cause.line
        if line is None:
            traceback.print_exception(error)
            line = "the job failed, see the traceback above; nothing was published"
        self._print(f"error: {printable(line)}")
        return JobFailure(exit_code=code, kind=kind, line=printable(line))

    def _say(self, line: str) -> None:
        if not self.is_quiet:
            self._print(line)

    def _print(self, line: str) -> None:
        print(f"{self.program}: {line}", file=sys.stderr)
