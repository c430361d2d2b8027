"""How often a request is repeated, after which waits, and when a store is given up."""

import contextlib

import pytest
from helpers.logged import logged

from pipelines.sparse_warnings import SparseWarnings
from pipelines.storage import StorageError, retries
from pipelines.storage.retries import REPEATED, DamagedError, Retrier, RetryPolicy


class PassingError(Exception):
    pass


@pytest.fixture
def waits(monkeypatch):
    """The waits so far; none is waited."""
    waited = []
    monkeypatch.setattr(retries.time, "sleep", waited.append)
    return waited


@pytest.fixture
def retrier(waits):
    return Retrier(
        RetryPolicy(), is_passing=lambda error: isinstance(error, PassingError)
    )


class Requests:
    """A request that fails with each of some errors before it succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.count = 0

    def __call__(self):
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def lose(retrier, times=1):
    for _ in range(times):
        with pytest.raises(PassingError):
            retrier.call(Requests(*[PassingError()] * 6))


def test_an_outage_of_a_minute_is_always_survived_by_six_requests():
    for _ in range(200):
        waits = list(RetryPolicy().waits(6))
        assert len(waits) == 5
        assert 60 < sum(waits) < 104


def test_waits_grow_to_a_cap_and_are_never_the_same_twice():
    policy = RetryPolicy()
    first, second = list(policy.waits(9)), list(policy.waits(9))
    for number, wait in enumerate(first):
        middle = min(0.5 * 4**number, 40.0)
        assert 0.75 * middle <= wait <= 1.25 * middle
    assert first != second


def test_the_first_success_is_the_answer(retrier, waits):
    request = Requests(PassingError(), PassingError())
    assert retrier.call(request) == "answer"
    assert (request.count, len(waits)) == (3, 2)


def test_an_error_that_does_not_pass_is_raised_at_once(retrier, waits):
    request = Requests(KeyError())
    with pytest.raises(KeyError):
        retrier.call(request)
    assert (request.count, waits) == (1, [])


def test_six_requests_are_all(retrier):
    request = Requests(*[PassingError()] * 9)
    with pytest.raises(PassingError):
        retrier.call(request)
    assert request.count == 6


def test_damaged_bytes_are_read_three_times(retrier):
    request = Requests(*[DamagedError()] * 9)
    with pytest.raises(DamagedError):
        retrier.call(request)
    assert request.count == 3


def test_damage_and_passing_faults_share_the_six_requests(retrier):
    errors = [DamagedError(), PassingError(), DamagedError(), *[PassingError()] * 9]
    request = Requests(*errors)
    with pytest.raises(PassingError):
        retrier.call(request)
    assert request.count == 6


def test_after_a_loss_the_next_give_up_sooner_until_one_is_answered(retrier):
    lose(retrier)
    request = Requests(*[PassingError()] * 9)
    with pytest.raises(PassingError):
        retrier.call(request)
    assert request.count == 3
    retrier.call(Requests())
    request = Requests(*[PassingError()] * 5)
    assert retrier.call(request) == "answer"


def test_the_third_loss_in_a_row_means_that_the_store_is_down(retrier):
    for _ in range(2):
        lose(retrier)
        retrier.require_up("s3://b/x", "no answer")
    lose(retrier)
    with pytest.raises(StorageError) as caught:
        retrier.require_up("s3://b/x", "no answer")
    message = str(caught.value)
    assert message.startswith(
        "cannot read s3://b/x: no answer; it was the same with 2 "
    )


@pytest.mark.parametrize("end", [Requests(), Requests(KeyError())])
def test_any_answer_between_losses_means_that_the_store_is_up(retrier, end):
    lose(retrier, 2)
    with contextlib.suppress(KeyError):
        retrier.call(end)
    lose(retrier)
    retrier.require_up("s3://b/x", "no answer")


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0, "attempts_in_doubt": 0},
        {"attempts": 2, "attempts_in_doubt": 3},
        {"damaged_reads": 0},
        {"losses_of_an_outage": 0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**wrong)


def test_retries_are_told_with_their_reason_and_counted(waits, monkeypatch):
    monkeypatch.setattr(retries, "_WARNINGS", SparseWarnings())
    retrier = Retrier(
        RetryPolicy(), is_passing=lambda _: True, reason_of=lambda _: "503 busy"
    )
    REPEATED.take()
    with logged() as records:
        retrier.call(Requests(PassingError(), PassingError(), DamagedError()))
    assert [record.getMessage() for record in records] == [
        "a request to the store is made again: 503 busy"
    ]
    assert REPEATED.take() == 3
