"""Prepare: a file's bytes become patches of every scale, or a failed ledger row."""

import dataclasses
import os
import queue
from collections.abc import Callable

from musiq_core.images.patches import Patches
from musiq_core.images.preparation import Preparation, PreparationConfig
from pipelines.decoding.decoder import Decoder
from pipelines.decoding.limits import DecoderLimits
from pipelines.dofns import AheadDoFn
from pipelines.read_ahead import ReadAhead
from pipelines.scoring.monitoring.metrics import DECODE_MS, Stopwatch
from pipelines.scoring.reading.fetch import FetchedImage
from schemas.failures import ImageFailure
from schemas.image_facts import ImageFacts
from schemas.ledger import LedgerRow


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PreparedImage:
    """An image ready to be scored.

    Attributes:
      row: Everything about the image but its scores.
      patches: One form for each distinct preprocessing, in the run's order.
    """

    row: LedgerRow
    patches: tuple[Patches, ...]

    @property
    def token_count(self) -> int:
        """Tokens of the longest form."""
        return max(patches.token_count for patches in self.patches)


def prepare_image(
    fetched: FetchedImage, prepare: Callable[[bytes], Preparation]
) -> PreparedImage | LedgerRow:
    """Decode an image and cut its patches.

    Args:
      fetched: The file.
      prepare: Turns a file into patches or raises `ImageFailure`.

    Returns:
      The patches and the row's facts, or the failed row, which keeps the facts that
      were found before it failed.
    """
    try:
        preparation = prepare(fetched.data)
    except ImageFailure as failure:
        row = _with_facts(fetched.row, failure.facts)
        return row.failed(failure.failure, failure.detail)
    row = _with_facts(fetched.row, preparation.facts)
    return PreparedImage(
        row=dataclasses.replace(row, measures=preparation.measures),
        patches=preparation.patches,
    )


def _with_facts(row: LedgerRow, facts: ImageFacts) -> LedgerRow:
    return dataclasses.replace(row, **dataclasses.asdict(facts))


class PrepareImage(AheadDoFn[FetchedImage | LedgerRow, PreparedImage | LedgerRow]):
    """`prepare_image` for every file, in child processes that can be killed.

    Rows that have failed already pass through.
    """

    def __init__(
        self, config: PreparationConfig, limits: DecoderLimits, *, is_ahead: bool
    ):
        """Keep the settings.

        Args:
          config: How files become patches.
          limits: What one image may cost.
          is_ahead: Whether to prepare on all cores ahead of the scorer, which an
            accelerator needs. A scorer on a CPU waits for its one child instead: with a
            worker for each core, no core is idle meanwhile.
        """
        self._config = config
        self._limits = limits
        self._is_ahead = is_ahead

    def start_ahead(self) -> ReadAhead:
        """Make the decoders; a child starts with its first image."""
        count = max(1, (os.cpu_count() or 1) - 1) if self._is_ahead else 1
        self._decoders = [Decoder(self._config, self._limits) for _ in range(count)]
        self._times = Stopwatch(DECODE_MS)
        self._idle: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        for decoder in self._decoders:
            self._idle.put(decoder)
        depth = 2 * count if self._is_ahead else 0
        return ReadAhead(self._prepare, depth=depth, threads=count)

    def report(self) -> None:
        """Tell Beam how long images took."""
        self._times.report()

    def teardown(self):
        """End the children; they also end by themselves when this process does."""
        super().teardown()
        for decoder in self._decoders:
            decoder.close()

    def _prepare(self, element: FetchedImage | LedgerRow) -> PreparedImage | LedgerRow:
        if isinstance(element, LedgerRow):
            return element
        decoder = self._idle.get()
        try:
            with self._times.time():
                return prepare_image(element, decoder.prepare)
        finally:
            self._idle.put(decoder)
