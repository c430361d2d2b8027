"""Beam's job service, which other engines than the embedded one are reached through."""

import logging
import re
import socket

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions

from schemas.errors import UsageError

_CONNECT_SECONDS = 5
_NO_LIMIT_SECONDS = 10 * 365 * 24 * 3600


def require_listener(flag: str, address: str) -> None:
    """Refuse an address at which nobody listens; Beam would wait five minutes.

    Raises:
      UsageError: If that is so, or if it is no address.
    """
    host, port = host_and_port(flag, address)
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{flag} {address}: nobody listens there: {reason}") from error


def host_and_port(flag: str, address: str) -> tuple[str, int]:
    """Divide `HOST:PORT`.

    Raises:
      UsageError: If it is something else.
    """
    found = re.fullmatch(r"\[?([^\s/@]+?)\]?:(\d{1,5})", address)
    if not found or not 0 < int(found[2]) < 65_536:
        raise UsageError(f"{flag} {address} is no HOST:PORT, such as localhost:8099")
    return found[1], int(found[2])


def wait_without_limit(options: PipelineOptions) -> None:
    """Let a job run as long as it takes, unless the options set a limit.

    Beam means its limit for requests, but also applies it to the stream of a job's
    states, so that a job that takes longer than five minutes would count as failed.
    """
    portable = options.view_as(PortableOptions)
    if portable.job_server_timeout == _beams_own_limit():
        portable.job_server_timeout = _NO_LIMIT_SECONDS


def silence_job_service() -> None:
    """Log nothing that a job service says; failures come as exceptions, said better."""
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(_is_no_job_message)


def _is_no_job_message(record: logging.LogRecord) -> bool:
    """Drop what a job service says of a job, which Beam gives to the root logger."""
    return record.module != "portable_runner"


def _beams_own_limit() -> int:
    return PipelineOptions([]).view_as(PortableOptions).job_server_timeout
