"""A worker process of the embedded engine: Beam's SDK worker, without its chatter."""

import contextlib
import logging
import os
import sys
import threading

import grpc

from pipelines import quiet_beam  # noqa: F401 - before other imports of Beam
from pipelines.engines.embedded.compilation_cache import use_compilation_cache


def main() -> int:
    """Serve the runner until it closes the connection, or is gone."""
    from apache_beam.runners.worker import sdk_worker_main

    use_compilation_cache()
    # Failures reach the launcher as the runner's exception, which says it better; when
    # the launcher is gone, nobody listens. Beam prints their tracebacks besides logging
    # them; what native code writes before it aborts still comes through.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL + 1)
    threading.excepthook = lambda _: None
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            sdk_worker_main.main(sys.argv)
    except grpc.RpcError:
        return 1
    return 0


if __name__ == "__main__":
    # Python's own way out would end threads inside XLA, which aborts the process.
    os._exit(main())
