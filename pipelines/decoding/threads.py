"""Threads for the one format whose decoder needs them, while it is decoded.

libheif decodes in a thread of its own. Linux counts threads as processes, of which the
decode child may have none; with the system calls forbidden that make processes and
start programs, threads are harmless.
"""

import contextlib
import resource
import sys
from collections.abc import Iterator

from musiq_core.images.extras.decoders import decoder_of
from musiq_core.images.signatures import sniff_format
from pipelines.decoding.syscall_filter import forbid_processes
from schemas.failures import Failure, ImageFailure

_FORMAT = "HEIC/HEIF"


def most_that_start_nothing_else() -> int:
    """Forbid this process other processes for good, if its pictures may need threads.

    Returns:
      The limit on processes to which `allowed_for` may go; 0 if nothing needs threads
      or the kernel cannot tell them from processes.
    """
    if decoder_of(_FORMAT) is None or not forbid_processes():
        return 0
    return resource.getrlimit(resource.RLIMIT_NPROC)[1]


@contextlib.contextmanager
def allowed_for(data: bytes, most_threads: int) -> Iterator[None]:
    """Allow threads while a file is decoded, if its format needs them.

    Raises:
      ImageFailure: `unsupported_format` if it does, and there can be none.
    """
    is_needed = sys.platform == "linux" and decoder_of(_FORMAT) is not None
    if not is_needed or sniff_format(data) != _FORMAT:
        yield
        return
    if most_threads == 0:
        raise ImageFailure(
            Failure.UNSUPPORTED_FORMAT,
            f"{_FORMAT} needs threads, and this kernel cannot forbid processes alone",
        )
    resource.setrlimit(resource.RLIMIT_NPROC, (most_threads, most_threads))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, most_threads))
