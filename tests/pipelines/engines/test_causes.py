"""What a runner raises is traced back to the one line that users can act on."""

from pipelines.engines.causes import KnownCause, is_interrupt, known_cause
from pipelines.ledger.errors import LedgerFolderError
from pipelines.storage import StorageError
from schemas.manifest import CountsError


def failing(message: str) -> RuntimeError:
    """What the runner raises when a worker process failed."""
    return RuntimeError(
        "Traceback (most recent call last):\n  File ...\n"
        f"{StorageError.__module__}.StorageError: {message}\n\nDuring handling ...\n"
        f"{StorageError.__module__}.StorageError: {message} [while running 'Write']\n"
    )


def test_a_workers_known_error_is_one_line():
    error = failing("cannot write /x: No space left on device")
    cause = known_cause(error)
    assert cause == KnownCause(StorageError, "cannot write /x: No space left on device")


def test_a_cause_in_this_process_is_found_below_what_wraps_it():
    error = RuntimeError("step failed")
    error.__cause__ = ValueError("what the runner makes of it")
    error.__cause__.__context__ = StorageError("cannot read /x: gone")
    assert known_cause(error) == KnownCause(StorageError, "cannot read /x: gone")


def test_other_errors_have_no_one_line_cause():
    assert known_cause(RuntimeError("boom")) is None
    assert known_cause(RuntimeError("builtins.ValueError: boom")) is None


def test_every_error_that_users_meet_is_known_however_far_it_is_derived():
    text = "Traceback ...\nschemas.manifest.CountsError: 1 of 2 images is missing\n"
    expected = KnownCause(CountsError, "1 of 2 images is missing")
    assert known_cause(RuntimeError(text)) == expected


def test_of_errors_that_caused_each_other_the_last_one_is_told():
    storage, folder = (
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in (StorageError, LedgerFolderError)
    )
    text = f"{storage}: gone\n\nThe above exception ...\n\n{folder}: no ledger\n"
    assert known_cause(RuntimeError(text)) == KnownCause(LedgerFolderError, "no ledger")


def test_an_interrupt_is_known_inside_a_step_too():
    assert is_interrupt(KeyboardInterrupt())
    assert is_interrupt(RuntimeError("KeyboardInterrupt [while running 'Score']"))
    assert not is_interrupt(RuntimeError("the keyboard: KeyboardInterrupt"))
