"""The decode child: it can do nothing but make patches of the bytes it is sent.

It is started as a program of its own, so it holds neither JAX nor Beam nor the store's
credentials, and it ends when its parent does, whose end of the socket closes then. Once
everything is imported it gives up what it could do harm with: opening files and
sockets, writing, starting processes, memory and time without end.
"""

import contextlib
import os
import resource
import socket
import sys
from collections.abc import Iterable

from PIL import AvifImagePlugin, Image

from musiq_core.images.extras.decoders import decode_tiles_in_turn
from musiq_core.images.preparation import PreparationConfig, prepare
from pipelines.decoding import answers, messages, threads
from schemas.failures import Failure, ImageFailure

_NOBODY = 65534


def serve(
    parent: socket.socket, config: PreparationConfig, limits: dict[str, int]
) -> None:
    """Prepare what comes until the parent closes its end of the socket."""
    files = parent.makefile("rb")
    Image.preinit()  # imports that Pillow would otherwise make at the first picture
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # threads count as processes
    decode_tiles_in_turn()
    most_threads = _give_up_powers(limits["memory_bytes"])
    parent.sendall(messages.READY)
    with contextlib.suppress(ConnectionError):
        while length := files.read(messages.LENGTH_BYTES):
            data = files.read(messages.unpack_length(length))
            _limit_cpu(limits["cpu_seconds"])
            for part in _answer(data, config, most_threads):
                parent.sendall(part)


def _answer(
    data: bytes, config: PreparationConfig, most_threads: int
) -> Iterable[bytes | memoryview]:
    try:
        with threads.allowed_for(data, most_threads):
            preparation = prepare(data, config)
        return answers.pack_preparation(preparation, config.preprocessings)
    except ImageFailure as failure:
        return [answers.pack_failure(failure)]
    except MemoryError:
        failure = ImageFailure(Failure.TOO_LARGE, "decoding needs more memory")
        return [answers.pack_failure(failure)]


def _give_up_powers(memory_bytes: int) -> int:
    """Limit this process for good. What is open stays open; nothing new can be.

    Returns:
      The threads that it may be allowed; 0 if none.
    """
    if os.getuid() == 0:
        # The limit on processes does not hold for root.
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    most_threads = threads.most_that_start_nothing_else()
    resource.setrlimit(resource.RLIMIT_NPROC, (0, most_threads))
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    return most_threads


def _limit_cpu(seconds: int) -> None:
    """Let the kernel end this process when one image takes more CPU time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, hard))


if __name__ == "__main__":
    descriptor, settings = sys.argv[1:]
    serve(socket.socket(fileno=int(descriptor)), *messages.unpack_config(settings))
