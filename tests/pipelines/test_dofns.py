"""DoFns that hold elements back, in a pipeline of the embedded engine."""

import threading
from collections.abc import Iterator

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipelines.dofns import AheadDoFn, BundleDoFn
from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.embedded.runner import embedded_runner
from pipelines.read_ahead import ReadAhead
from schemas.programs.program import EngineArguments


class Pairs(BundleDoFn):
    """Emits elements by twos, and a last one alone."""

    def start_bundle(self):
        self._waiting = []

    def process(self, element: int) -> Iterator[tuple[int, ...]]:
        self._waiting.append(element)
        if len(self._waiting) == 2:
            yield from self.drain()

    def drain(self) -> Iterator[tuple[int, ...]]:
        waiting, self._waiting = self._waiting, []
        if waiting:
            yield tuple(waiting)


class Double(AheadDoFn[int, int]):
    """Doubles numbers, two ahead of the one that is emitted."""

    def start_ahead(self) -> ReadAhead[int, int]:
        return ReadAhead(lambda number: 2 * number, depth=2, threads=2)

    def report(self):
        """It measures nothing."""


@pytest.fixture
def pipeline():
    options = parse_beam_options(EngineArguments())
    return beam.Pipeline(embedded_runner(options, workers=1), options)


def test_what_is_held_back_comes_at_the_end_of_its_bundle(pipeline):
    with pipeline:
        numbers = pipeline | beam.Create([range(5)]) | "Each" >> beam.FlatMap(iter)
        again = numbers | beam.ParDo(Pairs()) | "Again" >> beam.FlatMap(iter)
        assert_that(again, equal_to(list(range(5))))


def test_work_ahead_loses_nothing_when_a_bundle_ends(pipeline):
    with pipeline:
        doubled = pipeline | beam.Create(range(5)) | beam.ParDo(Double())
        sums = doubled | beam.CombineGlobally(sum)
        assert_that(sums, equal_to([20]))


def test_results_ahead_come_in_order_and_no_thread_stays():
    before = threading.active_count()
    step = Double()
    step.setup()
    step.start_bundle()
    early = [result for number in range(5) for result in step.process(number)]
    late = [windowed.value for windowed in step.finish_bundle()]
    assert (early, late) == ([0, 2, 4], [6, 8])
    step.teardown()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(10)
    assert threading.active_count() == before


def test_a_bundle_after_one_that_failed_starts_with_nothing_on_its_way():
    step = Double()
    step.setup()
    step.start_bundle()
    assert list(step.process(1)) == []
    step.start_bundle()
    assert list(step.finish_bundle()) == []
    step.teardown()


def test_a_do_fn_that_says_not_what_it_holds_back_cannot_be_made():
    with pytest.raises(TypeError, match="drain"):
        type("Forgetful", (BundleDoFn,), {})()
