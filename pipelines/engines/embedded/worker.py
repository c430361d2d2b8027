"""A worker process of the embedded engine: Beam's SDK worker, without its chatter."""

import contextlib
import logging
import os
import sys
import threading

import grpc

from pipelines.engines.heavy_imports import before_heavy_imports


def main() -> int:
    """Serve the runner until it closes the connection, or is gone."""
    before_heavy_imports()
    from apache_beam.runners.worker import sdk_worker_main

    # Failures reach the launcher as the runner's exception, which says it better; when
    # the launcher is gone, nobody listens. Beam prints their tracebacks besides logging
    # them; what native code writes before it aborts still comes through.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL + 1)
    # Importing Beam has made one that prints; the launcher says what is logged here.
    logging.getLogger().handlers.clear()
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
