"""Score: token-budget batches of prepared images become ledger rows, by all models."""

import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import jax
from apache_beam.utils.shared import Shared

from musiq_core.images.patches import Patches
from musiq_core.model_files.model_file import ModelFileError, read_model_file
from musiq_core.network.scores import is_finite
from musiq_core.programs.batching import Batcher
from musiq_core.programs.scorer import Scorer, ScorerStatistics
from musiq_core.programs.self_test import check_self_test
from pipelines.dofns import BundleDoFn
from pipelines.models.read import read_model_bytes
from pipelines.scoring.config import Device
from pipelines.scoring.device import make_scorer, require_device, self_test_tolerance
from pipelines.scoring.monitoring.metrics import (
    SCORE_MS,
    Stopwatch,
    count_bundle,
    count_rows,
    count_work,
)
from pipelines.scoring.monitoring.progress import ProgressCounter
from pipelines.scoring.reading.prepare import PreparedImage
from pipelines.scoring.run import ScoringModel
from schemas.failures import Failure
from schemas.ledger import LedgerRow

# A batch, what has begun of it, and the seconds that took.
_Started = tuple[Sequence[PreparedImage], list[jax.Array] | None, float]


def load_scorer(model: ScoringModel, device: Device) -> Scorer:
    """Read, verify and compile one model of the run.

    Raises:
      DeviceError: If this process cannot compute on `device`.
      ModelFileError: If the file is damaged or no longer the one the run started with,
        or if the model fails the file's self-test.
    """
    found = read_model_file(read_model_bytes(model.uri))
    if found.digest != model.columns.digest:
        raise ModelFileError(
            f"{model.uri} was replaced while the run was going on: it started with "
            f"digest {model.columns.digest}, the file now has {found.digest}"
        )
    require_device(device)
    scorer = make_scorer(found, device)
    check_self_test(scorer, uri=model.uri, tolerance=self_test_tolerance(device))
    return scorer


def score_batch(
    batch: Sequence[PreparedImage],
    scorers: Sequence[Scorer],
    started: Sequence[jax.Array] | None = None,
) -> list[LedgerRow]:
    """Score one batch with all models.

    Args:
      batch: Images that fit one batch of the scorers, with one form of patches for each
        distinct preprocessing of the scorers, in order of first use.
      scorers: The run's models.
      started: What `start_batch` returned for the batch, if it was started before.

    Returns:
      One row an image, in order. An image with a score that is not finite fails as
      `bad_score`, whatever its other scores. An image that makes a model raise fails as
      `internal`; the others of its batch are scored one by one.
    """
    try:
        started = start_batch(batch, scorers) if started is None else started
        return _finish_batch(batch, scorers, started)
    except Exception as error:
        if len(batch) == 1:
            detail = f"the model raised {type(error).__name__}"
            return [batch[0].row.failed(Failure.INTERNAL, detail)]
    return [row for image in batch for row in score_batch([image], scorers)]


def start_batch(
    batch: Sequence[PreparedImage], scorers: Sequence[Scorer]
) -> list[jax.Array]:
    """Begin with a batch on all models; an accelerator works on when this returns."""
    patches = _patches_by_scorer(batch, scorers)
    return [scorer.start(p) for scorer, p in zip(scorers, patches, strict=True)]


def _finish_batch(
    batch: Sequence[PreparedImage],
    scorers: Sequence[Scorer],
    started: Sequence[jax.Array],
) -> list[LedgerRow]:
    patches = _patches_by_scorer(batch, scorers)
    by_model = [
        scorer.finish(logits, forms)
        for scorer, logits, forms in zip(scorers, started, patches, strict=True)
    ]
    rows = []
    for image, scores in zip(batch, zip(*by_model, strict=True), strict=True):
        if all(is_finite(score) for score in scores):
            rows.append(dataclasses.replace(image.row, scores=scores))
        else:
            rows.append(
                image.row.failed(Failure.BAD_SCORE, "a model's score is not finite")
            )
    return rows


def _patches_by_scorer(
    batch: Sequence[PreparedImage], scorers: Sequence[Scorer]
) -> list[list[Patches]]:
    forms = list(dict.fromkeys(s.model.config.preprocessing for s in scorers))
    indices = [forms.index(scorer.model.config.preprocessing) for scorer in scorers]
    return [[image.patches[index] for image in batch] for index in indices]


class ScoreBatches(BundleDoFn):
    """`score_batch` for token-budget batches; failed rows pass through at once.

    Models are loaded once in a process, whichever bundles and threads it runs.
    """

    def __init__(
        self,
        models: Sequence[ScoringModel],
        device: Device,
        *,
        progress_folder: str | None = None,
    ):
        """Keep the settings.

        Args:
          models: The models, in the order of the rows' scores.
          device: What computes the scores.
          progress_folder: Local folder for live counts; None counts nothing there.
        """
        self._models = tuple(models)
        self._device = device
        self._progress_folder = progress_folder
        self._batches_ahead = 1 if device.is_accelerator else 0
        self._shared = Shared()

    def setup(self):
        """Load and compile the models before the first bundle."""
        self._scorers = self._shared.acquire(
            lambda: _Scorers(load_scorer(m, self._device) for m in self._models)
        )
        self._progress = ProgressCounter(self._progress_folder)
        self._times = Stopwatch(SCORE_MS)

    def start_bundle(self):
        """Start with no images waiting; batches never reach across bundles."""
        self._images = 0
        self._batcher: Batcher[PreparedImage] = self._scorers[0].new_batcher()
        self._under_way: deque[_Started] = deque()

    def process(self, element: PreparedImage | LedgerRow) -> Iterator[LedgerRow]:
        """Emit the rows of every batch that is finished by now."""
        self._images += 1
        if isinstance(element, LedgerRow):
            yield from self._finished([element])
        elif batch := self._batcher.add(element, element.token_count):
            yield from self._score(batch)

    def drain(self) -> Iterator[LedgerRow]:
        """Yield the rows of the images still waiting."""
        for batch in self._batcher.flush():
            yield from self._score(batch)
        while self._under_way:
            yield from self._finish_oldest()
        count_bundle(self._images)

    def _score(self, batch: Sequence[PreparedImage]) -> Iterator[LedgerRow]:
        """Start a batch; an accelerator has it to work on while the last one ends."""
        began, started = time.perf_counter(), None
        if self._batches_ahead:
            with contextlib.suppress(Exception):  # finishing will meet it again
                started = start_batch(batch, self._scorers)
        self._under_way.append((batch, started, time.perf_counter() - began))
        while len(self._under_way) > self._batches_ahead:
            yield from self._finish_oldest()

    def _finish_oldest(self) -> list[LedgerRow]:
        batch, started, seconds = self._under_way.popleft()
        began = time.perf_counter()
        rows = score_batch(batch, self._scorers, started)
        self._times.add(seconds + time.perf_counter() - began)
        self._times.report()
        count_work(self._scorers.take_uncounted())
        return self._finished(rows)

    def _finished(self, rows: list[LedgerRow]) -> list[LedgerRow]:
        count_rows(rows)
        self._progress.add(rows)
        return rows


class _Scorers(list[Scorer]):
    """The scorers of a process, and how much of their work has been counted."""

    def __init__(self, scorers: Iterable[Scorer]):
        super().__init__(scorers)
        self._counted = ScorerStatistics()

    def take_uncounted(self) -> ScorerStatistics:
        """Return the work since the last call, summed over models."""
        total = sum((scorer.statistics for scorer in self), ScorerStatistics())
        uncounted, self._counted = total - self._counted, total
        return uncounted
