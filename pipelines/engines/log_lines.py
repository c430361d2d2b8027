"""What the logger `musiq` says, as lines of the program that started a job."""

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    BasicLoggingService,
)
from apache_beam.runners.worker.log_handler import LOGENTRY_TO_LOG_LEVEL_MAP

from pipelines.sparse_warnings import LOGGER
from schemas.text import printable


class LinesOnStderr(logging.Handler):
    """Prints a record as one line, such as `musiq: warning: ...`.

    It looks up stderr each time: a progress bar that is shown replaces it, and then
    prints the line above itself.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        level = record.levelname.lower()
        line = f"musiq: {level}: {printable(record.getMessage())}"
        print(line, file=sys.stderr, flush=True)


class WorkerLogs(BasicLoggingService):
    """What worker processes of the embedded engine log, said by this process.

    Beam's own service would print each entry as the message that it came in.
    """

    def Logging(
        self, log_messages: Iterable[Any], context: Any = None
    ) -> Iterator[beam_fn_api_pb2.LogControl]:
        """Log what comes until the worker has ended."""
        yield beam_fn_api_pb2.LogControl()
        for several in log_messages:
            for entry in several.log_entries:
                LOGGER.log(
                    LOGENTRY_TO_LOG_LEVEL_MAP[entry.severity], "%s", entry.message
                )


def show_log_lines(*, is_quiet: bool) -> None:
    """Print warnings and errors of the logger `musiq` on stderr, from now on.

    They do not go on to the root logger: importing Beam gives that a handler, which
    would print them again, and into a progress bar.

    Args:
      is_quiet: Whether warnings are left out.
    """
    for handler in [h for h in LOGGER.handlers if isinstance(h, LinesOnStderr)]:
        LOGGER.removeHandler(handler)
    LOGGER.addHandler(LinesOnStderr(logging.ERROR if is_quiet else logging.WARNING))
    LOGGER.propagate = False
