"""Refs at once: listing stops where there are more than one graph takes."""

import contextlib
import dataclasses
import os

from schemas.errors import MusiqError

REFS_AT_ONCE = 1_000_000
# The launcher takes 2.5 kB for each image of a slice that is scored.
IMAGES_PER_SLICE = 300_000
_STEPS = 1000


class TooManyRefsError(MusiqError):
    """More refs than one graph takes; the job is done in slices then."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefsAtOnce:
    """How many refs one graph takes.

    Attributes:
      most: So many; some more, up to a thousandth a worker, may pass.
      file: Local file that all workers count in.
    """

    most: int
    file: str

    def start_anew(self) -> None:
        """Forget what was counted, when listing starts again."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file)


class RefCount:
    """One worker's count, which it adds to that of all in steps."""

    def __init__(self, limit: RefsAtOnce | None):
        self._limit = limit
        self._step = max(1, limit.most // _STEPS) if limit else 0
        self._refs = 0

    def add(self) -> None:
        """Count a ref.

        Raises:
          TooManyRefsError: If all workers together have too many.
        """
        if self._limit is None:
            return
        self._refs += 1
        if self._refs < self._step:
            return
        self._refs = 0
        with open(self._limit.file, "ab", buffering=0) as file:
            file.write(b".")  # where the file ends then, also beside other workers
            steps = os.fstat(file.fileno()).st_size
        if steps * self._step > self._limit.most:
            raise TooManyRefsError(f"more than {self._limit.most:,} images")
