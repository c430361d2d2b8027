"""A worker process of the embedded engine: Beam's SDK worker, without its chatter."""

import logging
import sys

from pipelines import quiet_beam  # noqa: F401 - before other imports of Beam
from pipelines.compilation_cache import use_compilation_cache


def main() -> None:
    """Serve the runner until it closes the connection."""
    from apache_beam.runners.worker import sdk_worker_main

    use_compilation_cache()
    # Failures reach the launcher as the runner's exception, which says it better.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
