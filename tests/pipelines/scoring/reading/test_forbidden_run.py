"""A worker that may read nothing ends the job; one that may read something does not."""

import threading

import pytest

from pipelines.scoring.reading.forbidden_run import FORBIDDEN_IMAGES, ForbiddenRun
from pipelines.storage import StorageError

REFUSAL = "the store refuses access"


def refuse(run: ForbiddenRun, times: int) -> None:
    for number in range(times):
        run.refused(f"gs://b/{number}.jpg", REFUSAL)


def test_the_hundredth_refusal_of_nothing_else_ends_the_job():
    run = ForbiddenRun()
    refuse(run, FORBIDDEN_IMAGES - 1)
    with pytest.raises(StorageError) as caught:
        run.refused("gs://b/last.jpg", REFUSAL)
    assert str(caught.value) == (
        "cannot read gs://b/last.jpg, nor any of the first 100 images of this worker: "
        "the store refuses access"
    )


def test_it_goes_on_ending_it_when_the_runner_tries_again():
    run = ForbiddenRun()
    with pytest.raises(StorageError):
        refuse(run, FORBIDDEN_IMAGES)
    with pytest.raises(StorageError):
        refuse(run, 1)


@pytest.mark.parametrize("before", [0, 1, FORBIDDEN_IMAGES - 1])
def test_one_image_that_is_admitted_makes_refusals_rows_for_good(before):
    run = ForbiddenRun()
    refuse(run, before)
    run.admitted()
    refuse(run, 3 * FORBIDDEN_IMAGES)


def test_threads_count_together():
    run = ForbiddenRun()
    ended = []

    def work():
        try:
            refuse(run, FORBIDDEN_IMAGES // 4)
        except StorageError:
            ended.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [True]
