"""What comes before the imports of Apache Beam and JAX, which act on their own."""

import contextlib
import logging
from collections.abc import Iterator

from pipelines.engines.embedded.compilation_cache import use_compilation_cache


def before_heavy_imports() -> None:
    """Make this process ready for the imports of a program that runs jobs.

    JAX reads where compiled programs are kept when it is imported, and Beam logs
    warnings then about packages that are not needed. Call before any other import of
    them.
    """
    use_compilation_cache()
    with no_log_warnings():
        import apache_beam  # noqa: F401


@contextlib.contextmanager
def no_log_warnings() -> Iterator[None]:
    """Log errors only, until the block ends."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
