"""Import Apache Beam without the warnings it logs about packages we do not need."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def no_log_warnings() -> Iterator[None]:
    """Log errors only, until the block ends."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


with no_log_warnings():
    import apache_beam  # noqa: F401
