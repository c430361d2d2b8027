"""What workers log is a line on stderr, and no more than that."""

import io
import logging
import sys

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engines.engine import JobFacts
from pipelines.engines.job import Endings, Job
from pipelines.engines.log_lines import show_log_lines
from pipelines.sparse_warnings import LOGGER

ENDINGS = Endings(interrupted="interrupted", worker_died="a worker died")


class Log(beam.DoFn):
    """Logs as a worker of this project does, and as other packages do."""

    def process(self, element):
        LOGGER.info("all is well")
        LOGGER.warning("the store is %s", "slow")
        logging.getLogger("apache_beam").warning("chatter")
        yield element


def log_once(pipeline: beam.Pipeline) -> None:
    _ = pipeline | beam.Create([1]) | beam.ParDo(Log())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_warning_of_a_worker_is_one_line(workers, capfd):
    facts = JobFacts(pipeline="musiq-test", output="/o", uris=())
    job = Job("musiq test", PipelineOptions([]), facts)
    assert job.run(log_once, ENDINGS, workers=workers).exit_code == 0
    assert capfd.readouterr() == ("", "musiq: warning: the store is slow\n")


def test_a_progress_bar_prints_the_line_itself(monkeypatch):
    show_log_lines(is_quiet=False)
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # as a bar that is shown does
    LOGGER.warning("slow")
    assert sys.stderr.getvalue() == "musiq: warning: slow\n"


def test_quiet_leaves_errors(capsys):
    show_log_lines(is_quiet=True)
    LOGGER.warning("slow")
    LOGGER.error("down")
    assert capsys.readouterr().err == "musiq: error: down\n"
    show_log_lines(is_quiet=False)
