"""The parent's side of decoding: one child, watched, replaced when it dies."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from musiq_core.images.preparation import Preparation, PreparationConfig
from pipelines.decoding import messages
from pipelines.decoding.answers import AnswerError, unpack_answer
from pipelines.decoding.limits import DecoderLimits
from pipelines.sparse_warnings import SparseWarnings
from schemas.failures import Failure, ImageFailure

_CHILD_MODULE = "pipelines.decoding.child"
_START_SECONDS = 60.0
_WARNINGS = SparseWarnings()
_ROOT = Path(__file__).parents[2]
# Else glibc gives the memory of every large array back at once and gets it anew, page
# by page, for the next image: that took the child longer than decoding.
_KEEP_FREED_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**27),
    "MALLOC_TOP_PAD_": str(2**24),
}


class DecoderError(Exception):
    """No decode child can be started; nothing is wrong with the images."""


class Decoder:
    """Prepares images in a child process, which it starts when it is first needed.

    Not for several threads at once.
    """

    def __init__(self, config: PreparationConfig, limits: DecoderLimits):
        self._config = config
        self._limits = limits
        self._process: subprocess.Popen | None = None
        self._child: socket.socket | None = None

    def prepare(self, data: bytes) -> Preparation:
        """Decode one file and cut its patches.

        Raises:
          ImageFailure: As `musiq_core.images.preparation.prepare`, `timeout` if it took
            too long, or `decoder_crash` if the child died over it or answers nonsense.
          DecoderError: If no child can be started.
        """
        if self._process and self._process.poll() is not None:
            _WARNINGS.warn("a decode child was found dead, and is replaced")
            self.close()  # it died of what is no image's fault
        child = self._child or self._start()
        deadline = time.monotonic() + self._limits.seconds
        try:
            child.settimeout(self._limits.seconds)
            child.sendall(messages.pack_length(len(data)))
            child.sendall(data)
            return unpack_answer(
                self._config.preprocessings,
                lambda view: receive_into(view, child, deadline),
                is_measured=self._config.measure,
            )
        except ConnectionError as error:
            raise self._crash() from error
        except AnswerError as error:
            self.close()
            raise ImageFailure(
                Failure.DECODER_CRASH, "the decoder's answer makes no sense"
            ) from error
        except TimeoutError as error:
            self.close()
            raise ImageFailure(
                Failure.TIMEOUT, f"decoding took longer than {self._limits.seconds:g} s"
            ) from error

    def close(self) -> None:
        """End the child, whatever it is doing."""
        if self._child:
            self._child.close()
            self._child = None
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> socket.socket:
        mine, theirs = socket.socketpair()
        # Beam sets a default timeout when it looks for Google credentials; with it the
        # child would inherit a socket that does not wait.
        theirs.setblocking(True)
        limits = {
            "memory_bytes": self._limits.memory_bytes,
            "cpu_seconds": int(self._limits.seconds) + 2,
        }
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", _CHILD_MODULE),
                *(str(theirs.fileno()), messages.pack_config(self._config, limits)),
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_bare_environment(),
        )
        theirs.close()
        self._child = mine
        ready = memoryview(bytearray(len(messages.READY)))
        try:
            receive_into(ready, mine, time.monotonic() + _START_SECONDS)
        except (ConnectionError, TimeoutError) as error:
            self.close()
            raise DecoderError("no decode child can be started") from error
        return mine

    def _crash(self) -> ImageFailure:
        """Bury the child and say what it died of."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.poll()
        self.close()
        if code == -signal.SIGXCPU:
            return ImageFailure(
                Failure.TIMEOUT, f"decoding took longer than {self._limits.seconds:g} s"
            )
        name = signal.Signals(-code).name if code and code < 0 else f"exit {code}"
        _WARNINGS.warn(
            f"a decode child died over an image ({name}), which is a failed row"
        )
        return ImageFailure(Failure.DECODER_CRASH, f"the decoder died ({name})")


def receive_into(view: memoryview, child: socket.socket, deadline: float) -> None:
    """Fill `view` from the socket, by `deadline` on the monotonic clock.

    Raises:
      ConnectionError: If the other end is closed before.
      TimeoutError: If it takes too long.
    """
    while view:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        child.settimeout(left)
        count = child.recv_into(view)
        if not count:
            raise ConnectionResetError
        view = view[count:]


def _bare_environment() -> dict[str, str]:
    """Return what the child needs to import us, and no credentials."""
    passed = ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "LANG")
    kept = {name: os.environ[name] for name in passed if name in os.environ}
    search = os.pathsep.join([str(_ROOT), *filter(None, sys.path)])
    fixed = {
        "PYTHONPATH": search,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return kept | fixed | _KEEP_FREED_MEMORY
