"""Worker processes of the embedded engine, whose deaths the runner is told of.

Beam's own handler of such processes notices a death only while it waits for data; where
it waits for an answer, or for a process to connect, it waits for ever.
"""

import os
import shlex
import subprocess
import threading

from apache_beam.portability.api import beam_fn_api_pb2, endpoints_pb2
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    ControlFuture,
    GrpcWorkerHandler,
)
from google.protobuf import json_format, text_format

_DEATH = "a worker process died"
_SIGNS_OF_DEATH = (_DEATH, "Channel closed prematurely")


def is_worker_death(error: BaseException) -> bool:
    """Whether a job failed because one of its worker processes ended."""
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in _SIGNS_OF_DEATH
    )


class WatchedWorkerHandler(GrpcWorkerHandler):
    """One worker process; once it has died, all requests to it are answered so."""

    def __init__(self, command, state, provision_info, grpc_server):
        super().__init__(state, provision_info, grpc_server)
        self._command = shlex.split(command.decode())

    def start_worker(self) -> None:
        """Start the process and watch it."""
        control = endpoints_pb2.ApiServiceDescriptor(url=self.control_address)
        logs = self.logging_api_service_descriptor()
        options = self.provision_info.provision_info.pipeline_options
        self._process = subprocess.Popen(
            self._command,
            env=os.environ
            | {
                "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(control),
                "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(logs),
                "PIPELINE_OPTIONS": json_format.MessageToJson(options),
                "WORKER_ID": self.worker_id,
            },
        )
        self._watch = threading.Thread(target=self._answer_after_death, daemon=True)
        self._watch.start()

    def close(self) -> None:
        """End the process: it is told to, but for one that has not connected yet."""
        if self.control_conn._state == "unstarted":
            self._process.kill()
        super().close()

    def stop_worker(self) -> None:
        """Wait for the process to end."""
        self._watch.join()

    def _answer_after_death(self) -> None:
        """Answer all requests, those made already and those to come, with an error."""
        code = self._process.wait()
        if code == 0:
            return
        connection, push = self.control_conn, self.control_conn.push

        def push_to_dead(request) -> ControlFuture | None:
            future = push(request)
            if future is not None:
                _answer(future, code)
            return future

        connection.push = push_to_dead  # pyright: ignore[reportAttributeAccessIssue]
        for future in list(connection._futures_by_id.values()):
            _answer(future, code)


def _answer(future: ControlFuture, code: int) -> None:
    future.set(
        beam_fn_api_pb2.InstructionResponse(
            instruction_id=future.instruction_id,
            error=f"{_DEATH} (exit code {code})",
        )
    )
