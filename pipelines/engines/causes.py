"""Why a job failed, from what its runner raised."""

import re
from collections.abc import Iterator

# Named, because not every installation has the packages that define them.
_REFUSALS = {
    "apache_beam.runners.dataflow.internal.apiclient.DataflowJobAlreadyExistsError",
    "google.api_core.exceptions.GoogleAPICallError",
}


def one_line_cause(
    error: BaseException, known: tuple[type[Exception], ...]
) -> str | None:
    """Return the message of the known error that made a job fail, if there is one.

    Args:
      error: What the runner raised: the error itself, one that it caused, or one whose
        text holds a worker's traceback.
      known: Errors whose one-line messages are meant for users.
    """
    for cause in _causes(error):
        if isinstance(cause, known):
            return _without_step(str(cause))
    names = "|".join(re.escape(f"{k.__module__}.{k.__qualname__}") for k in known)
    lines = re.findall(rf"^(?:{names}): (.+)$", str(error), re.MULTILINE)
    return _without_step(lines[-1]) if lines else None


def refusal(error: BaseException) -> str | None:
    """Return why the service of an engine did not take a job, if that is why."""
    for cause in _causes(error):
        if _REFUSALS & {f"{k.__module__}.{k.__qualname__}" for k in type(cause).mro()}:
            return " ".join(str(cause).split())
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _without_step(message: str) -> str:
    """Cut what Beam appends about the step that was running."""
    return message.partition(" [while running")[0]
