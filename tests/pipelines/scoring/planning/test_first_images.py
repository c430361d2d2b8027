"""A run whose first thousand images fail ends, with all finished rows written."""

import threading

import pyarrow.parquet as pq
import pytest
from helpers.scoring_runs import tiny_run

from pipelines.scoring.planning.failure_budget import FailureBudgetError
from pipelines.scoring.planning.first_images import (
    FIRST_IMAGES,
    FirstImages,
    first_images_of,
)
from pipelines.scoring.writing.journal import JournalRows
from schemas.failures import Failure
from schemas.ledger import LedgerRow


def row(number: int, *, failed: bool, before: bool = False) -> LedgerRow:
    found = LedgerRow(uri=str(number), key="", failed_before=before)
    return found.failed(Failure.NOT_FOUND, "gone") if failed else found


def add(images: FirstImages, count: int, *, failed: int, before: bool = False) -> None:
    """Count rows, the failed ones first."""
    for number in range(count):
        images.add(row(number, failed=number < failed, before=before))


def test_more_than_twice_the_budget_of_the_first_thousand_ends_the_run():
    images = FirstImages(0.05)
    add(images, 999, failed=101)
    with pytest.raises(FailureBudgetError) as caught:
        images.add(row(999, failed=False))
    assert str(caught.value) == (
        "101 of the first 1000 images of a worker failed (101 not_found), more than "
        "twice what --max_failure_rate 0.05 allows, so the run stopped and nothing was "
        "published; finished rows are kept: run again with what is wrong put right, or "
        "with a higher --max_failure_rate"
    )
    with pytest.raises(FailureBudgetError):
        images.add(row(1000, failed=False))


def test_twice_the_budget_is_waited_for_and_what_comes_later_is_left_to_the_end():
    images = FirstImages(0.05)
    add(images, 1000, failed=100)
    add(images, 5000, failed=5000)


def test_images_that_failed_on_earlier_nights_do_not_count():
    images = FirstImages(0.05)
    add(images, 3000, failed=3000, before=True)
    add(images, 1000, failed=100)


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_a_budget_of_half_the_images_is_never_twice_exceeded(rate):
    add(FirstImages(rate), 2000, failed=2000)


def test_threads_count_together():
    images, ended = FirstImages(0.05), []

    def work():
        try:
            add(images, FIRST_IMAGES // 4, failed=FIRST_IMAGES)
        except FailureBudgetError:
            ended.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [True]


def test_a_process_has_one_count_for_each_run():
    assert first_images_of("a", 0.05) is first_images_of("a", 0.05)
    assert first_images_of("a", 0.05) is not first_images_of("b", 0.05)


def test_all_finished_rows_are_journalled_before_the_run_ends(tmp_path):
    step = JournalRows(tiny_run(tmp_path, id="first-images"))
    step.setup()
    step.start_bundle()
    for number in range(999):
        assert list(step.process(row(number, failed=number % 2 == 0)))
    with pytest.raises(FailureBudgetError):
        list(step.process(row(999, failed=True)))
    files = list(tmp_path.glob("journal/*/*.parquet"))
    assert sum(pq.read_metadata(file).num_rows for file in files) == 1000
