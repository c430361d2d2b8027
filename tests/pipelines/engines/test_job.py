"""A job is started, started again and told of in one place, whatever its program."""

import contextlib
import dataclasses
import functools
import os
import signal
import threading
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import Metrics
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engines.engine import Engine, JobFacts
from pipelines.engines.job import Endings, Job, Recovery, Stage
from pipelines.storage import StorageError
from schemas.errors import MusiqError

FACTS = JobFacts(pipeline="musiq-test", output="/output", uris=())


class BudgetError(MusiqError):
    """A known error with an exit code of its own."""


class TighterBudgetError(BudgetError):
    """One that derives from it."""


class LostError(MusiqError):
    """Tells that the engine lost some of its data."""


ENDINGS = Endings(
    interrupted="interrupted; nothing was published",
    worker_died="a worker process died",
    exit_codes={BudgetError: 3},
)


class Fail(beam.DoFn):
    """Raises an error of a class, until its file is gone."""

    def __init__(self, kind: type[BaseException], text: str, path: Path | None = None):
        self._kind, self._text, self._path = kind, text, path

    def process(self, element):
        Metrics.counter("test", "elements").inc()
        if self._path is None or self._path.exists():
            raise self._kind(self._text)
        yield element


class Die(beam.DoFn):
    """Ends its process, as the kernel does when memory is short."""

    def process(self, element):
        os.kill(os.getpid(), signal.SIGKILL)


class Interrupted(beam.DoFn):
    """Is interrupted in the middle of a step."""

    def process(self, element):
        raise KeyboardInterrupt


@pytest.fixture
def job():
    return Job("musiq test", PipelineOptions([]), FACTS)


def step(do_fn: beam.DoFn):
    """A function that builds a small job with one step."""

    def build(pipeline: beam.Pipeline) -> None:
        _ = pipeline | beam.Create([1, 2]) | "Step" >> beam.ParDo(do_fn)

    return build


def count_elements(pipeline: beam.Pipeline) -> None:
    step(Fail(ValueError, "", Path("/absent")))(pipeline)


def test_a_job_that_ends_well_says_nothing_and_has_its_counters(job, capsys):
    outcome = job.run(count_elements, ENDINGS, workers=1)
    assert (outcome.exit_code, outcome.is_done) == (0, True)
    assert outcome.counters == {"elements": 2}
    assert capsys.readouterr() == ("", "")


def test_the_options_are_asked_once_for_the_engine():
    job = Job("musiq test", PipelineOptions(["--runner=dataflow"]), FACTS)
    assert job.engine is Engine.DATAFLOW
    assert job.engine is job.engine


@pytest.mark.parametrize("workers", [1, 2])
def test_a_known_error_is_one_line(job, capsys, workers):
    failing = step(Fail(LostError, "cannot read /x:\x1b gone"))
    outcome = job.run(failing, ENDINGS, workers=workers)
    assert (outcome.exit_code, outcome.is_done, outcome.counters) == (1, False, {})
    [line] = capsys.readouterr().err.splitlines()
    assert line == "musiq test: error: cannot read /x:\\x1b gone"


@pytest.mark.parametrize("kind", [BudgetError, TighterBudgetError])
def test_an_error_may_have_an_exit_code_of_its_own(job, capsys, kind):
    outcome = job.run(step(Fail(kind, "too many failed")), ENDINGS, workers=1)
    assert outcome.exit_code == 3
    assert capsys.readouterr().err == "musiq test: error: too many failed\n"


def test_an_error_that_users_do_not_know_shows_its_traceback(job, capsys):
    outcome = job.run(step(Fail(ZeroDivisionError, "oh")), ENDINGS, workers=1)
    assert outcome.exit_code == 1
    *before, last = capsys.readouterr().err.splitlines()
    assert any("in process" in line for line in before)
    assert last == (
        "musiq test: error: the job failed, see the traceback above; nothing was "
        "published"
    )


def test_an_interrupt_in_a_step_is_told_as_the_program_says(job, capsys):
    outcome = job.run(step(Interrupted()), ENDINGS, workers=1)
    assert outcome.exit_code == 1
    assert capsys.readouterr().err == "musiq test: interrupted; nothing was published\n"


def test_an_interrupt_while_workers_work_is_told_too(job, capsys):
    def interrupt(pipeline: beam.Pipeline) -> None:
        count_elements(pipeline)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        timer.join(5)

    outcome = job.run(interrupt, ENDINGS, workers=2)
    assert outcome.exit_code == 1
    assert capsys.readouterr().err == "musiq test: interrupted; nothing was published\n"


def test_a_job_that_cannot_recover_is_not_started_again(job, capsys):
    outcome = job.run(step(Die()), ENDINGS, workers=2)
    assert outcome.exit_code == 1
    assert capsys.readouterr().err == "musiq test: error: a worker process died\n"


def test_a_job_that_lost_data_goes_on_where_it_can(job, capsys, tmp_path):
    path = tmp_path / "fails"
    path.touch()

    def make_ready() -> bool:
        path.unlink()
        return True

    recovery = Recovery(
        source="its notes", lost_data=(LostError,), make_ready=make_ready
    )
    failing = step(Fail(LostError, "1 of 2 is missing", path))
    outcome = job.run(failing, ENDINGS, recovery=recovery, workers=1)
    assert outcome.is_done
    assert outcome.counters == {"elements": 2}
    assert capsys.readouterr().err == (
        "musiq test: the engine lost some of its data; the job goes on from its notes "
        "(restart 1 of 3)\n"
    )


def test_a_job_that_is_done_already_is_not_started_again(job, capsys):
    recovery = Recovery(source="its notes", make_ready=lambda: False)
    outcome = job.run(step(Die()), ENDINGS, recovery=recovery, workers=2)
    assert (outcome.exit_code, outcome.is_done, outcome.counters) == (0, True, {})
    assert capsys.readouterr().err == ""


def test_a_job_is_given_up_after_three_restarts(job, capsys):
    asked = []
    recovery = Recovery(
        source="its notes",
        lost_data=(LostError,),
        make_ready=lambda: not asked.append(1),
    )
    failing = step(Fail(LostError, "1 of 2 is missing"))
    outcome = job.run(failing, ENDINGS, recovery=recovery, workers=1)
    assert outcome.exit_code == 1
    assert capsys.readouterr().err.splitlines() == [
        *(
            "musiq test: the engine lost some of its data; the job goes on from its "
            f"notes (restart {number} of 3)"
            for number in (1, 2, 3)
        ),
        "musiq test: error: 1 of 2 is missing",
    ]
    assert len(asked) == 4


def test_other_errors_start_no_job_again(job, capsys):
    recovery = Recovery(
        source="its notes", lost_data=(LostError,), make_ready=lambda: 1 / 0 > 0
    )
    failing = step(Fail(StorageError, "gone"))
    outcome = job.run(failing, ENDINGS, recovery=recovery, workers=1)
    assert outcome.exit_code == 1
    assert capsys.readouterr().err == "musiq test: error: gone\n"


def test_the_display_is_gone_before_the_end_is_told(job, capsys):
    @contextlib.contextmanager
    def display():
        print("shown")
        try:
            yield
        finally:
            told.append(capsys.readouterr())

    told = []
    job.run(step(Fail(StorageError, "gone")), ENDINGS, workers=1, display=display())
    assert told == [("shown\n", "")]
    assert capsys.readouterr().err == "musiq test: error: gone\n"


def test_stages_run_in_turn_and_each_is_asked_for_when_it_is_due(job, tmp_path):
    def stages():
        for number in range(3):
            assert len(done) == number
            yield Stage(build=functools.partial(note, number))

    def note(number, pipeline):
        count_elements(pipeline)
        done.append(number)

    done = []
    outcome = job.run_stages(stages(), ENDINGS, workers=1)
    assert (outcome.is_done, done) == (True, [0, 1, 2])
    assert outcome.counters == {"elements": 6}


def test_restarts_are_counted_for_each_stage_anew(job, capsys, tmp_path):
    left = {name: 3 for name in ("first", "second")}

    def stage(name) -> Stage:
        path = tmp_path / name
        path.touch()

        def make_ready() -> bool:
            left[name] -= 1
            if not left[name]:
                path.unlink()
            return True

        return Stage(
            build=step(Fail(LostError, "1 of 2 is missing", path)),
            recovery=Recovery(
                source=f"the {name} notes",
                lost_data=(LostError,),
                make_ready=make_ready,
            ),
        )

    outcome = job.run_stages(map(stage, left), ENDINGS, workers=1)
    assert outcome.is_done
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("from ")[2] for line in told] == [
        f"the {name} notes (restart {number} of 3)"
        for name in left
        for number in (1, 2, 3)
    ]


def test_a_stage_that_fails_is_the_last(job, capsys):
    stages = [
        Stage(build=step(Fail(BudgetError, "too much"))),
        Stage(build=count_elements),
    ]
    outcome = job.run_stages(stages, ENDINGS, workers=1)
    assert (outcome.exit_code, outcome.counters) == (3, {})
    assert capsys.readouterr().err == "musiq test: error: too much\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_of_an_error_that_leads_another_way_nothing_is_said(job, capsys, workers):
    endings = dataclasses.replace(ENDINGS, unsaid=(BudgetError,))
    failing = step(Fail(TighterBudgetError, "too much"))
    outcome = job.run(failing, endings, workers=workers)
    assert (outcome.unsaid, outcome.is_done) == (TighterBudgetError, False)
    assert capsys.readouterr() == ("", "")
