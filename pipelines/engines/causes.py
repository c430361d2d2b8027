"""Why a job failed, from what its runner raised."""

import dataclasses
import re
from collections.abc import Iterator

from schemas.errors import MusiqError

# Named, because not every installation has the packages that define them.
_REFUSALS = {
    "apache_beam.runners.dataflow.internal.apiclient.DataflowJobAlreadyExistsError",
    "google.api_core.exceptions.GoogleAPICallError",
}


@dataclasses.dataclass(frozen=True)
class KnownCause:
    """An error that users can do something about.

    Attributes:
      kind: Its class.
      line: Its message.
    """

    kind: type[MusiqError]
    line: str


def known_cause(error: BaseException) -> KnownCause | None:
    """Return the error meant for users that made a job fail, if there is one.

    Args:
      error: What the runner raised: the error itself, one that it caused, or one whose
        text holds a worker's traceback.
    """
    for cause in _causes(error):
        if isinstance(cause, MusiqError):
            return KnownCause(type(cause), _without_step(str(cause)))
    kinds = {_full_name(kind): kind for kind in _family(MusiqError)}
    names = "|".join(map(re.escape, kinds))
    found = re.findall(rf"^({names}): (.+)$", str(error), re.MULTILINE)
    if not found:
        return None
    name, line = found[-1]
    return KnownCause(kinds[name], _without_step(line))


def refusal(error: BaseException) -> str | None:
    """Return why the service of an engine did not take a job, if that is why."""
    for cause in _causes(error):
        if _REFUSALS & set(map(_full_name, type(cause).mro())):
            return " ".join(str(cause).split())
    return None


def is_interrupt(error: BaseException) -> bool:
    """Whether a job ended because its program was told to stop.

    In the one process of a job without workers the interrupt can fall into a step. Beam
    then raises another error, whose text begins with the name of what it has caught.
    """
    return isinstance(error, KeyboardInterrupt) or str(error).startswith(
        KeyboardInterrupt.__name__
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _family(kind: type[MusiqError]) -> Iterator[type[MusiqError]]:
    """Yield a class and all that derive from it, however far, as far as imported."""
    yield kind
    for derived in kind.__subclasses__():
        yield from _family(derived)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _without_step(message: str) -> str:
    """Cut what Beam appends about the step that was running."""
    return message.partition(" [while running")[0]
