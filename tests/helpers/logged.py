"""What the logger `musiq` is told, whether this process prints it or not."""

import contextlib
import logging
from collections.abc import Iterator

from pipelines.sparse_warnings import LOGGER


class _Kept(logging.Handler):
    def __init__(self):
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextlib.contextmanager
def logged() -> Iterator[list[logging.LogRecord]]:
    """Gives what is logged in the block, from INFO on."""
    kept, level = _Kept(), LOGGER.level
    LOGGER.addHandler(kept)
    LOGGER.setLevel(logging.INFO)
    try:
        yield kept.records
    finally:
        LOGGER.removeHandler(kept)
        LOGGER.setLevel(level)
