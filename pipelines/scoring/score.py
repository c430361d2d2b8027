"""Score: token-budget batches of prepared images become ledger rows, by all models."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.shared import Shared
from apache_beam.utils.windowed_value import WindowedValue

from musiq_core.batching import TokenBatcher
from musiq_core.model_file import ModelFileError, read_model_file
from musiq_core.scorer import Scorer, ScorerStatistics
from musiq_core.scores import is_finite
from pipelines.scoring.config import ScoringConfig, ScoringModel
from pipelines.scoring.counters import count_rows, count_work
from pipelines.scoring.prepare import PreparedImage
from pipelines.scoring.progress import ProgressCounter
from pipelines.storage import storage_for
from schemas.failures import Failure
from schemas.ledger import LedgerRow


def load_scorer(model: ScoringModel) -> Scorer:
    """Read, verify and compile one model of the run.

    Raises:
      ModelFileError: If the file is damaged or no longer the one the run started with.
    """
    with storage_for(model.uri).open_read(model.uri) as file:
        found = read_model_file(file.read())
    if found.digest != model.columns.digest:
        raise ModelFileError(
            f"{model.uri} was replaced while the run was going on: it started with "
            f"digest {model.columns.digest}, the file now has {found.digest}"
        )
    scorer = Scorer(found)
    scorer.compile()
    return scorer


def score_images(
    batch: Sequence[PreparedImage], scorers: Sequence[Scorer]
) -> list[LedgerRow]:
    """Score one batch with all models.

    Args:
      batch: Images that fit one packed sequence, with one form of patches for each
        distinct preprocessing of the scorers, in order of first use.
      scorers: The run's models.

    Returns:
      One row an image, in order. An image with a score that is not finite fails as
      `bad_score`, whatever its other scores. An image that makes a model raise fails as
      `internal`; the others of its batch are scored one by one.
    """
    try:
        return _score_together(batch, scorers)
    except Exception as error:
        if len(batch) == 1:
            detail = f"the model raised {type(error).__name__}"
            return [batch[0].row.failed(Failure.INTERNAL, detail)]
    return [row for image in batch for row in score_images([image], scorers)]


def _score_together(
    batch: Sequence[PreparedImage], scorers: Sequence[Scorer]
) -> list[LedgerRow]:
    forms = list(dict.fromkeys(s.model.config.preprocessing for s in scorers))
    by_model = []
    for scorer in scorers:
        form = forms.index(scorer.model.config.preprocessing)
        by_model.append(scorer.score([image.patches[form] for image in batch]))
    rows = []
    for image, scores in zip(batch, zip(*by_model, strict=True), strict=True):
        if all(is_finite(score) for score in scores):
            rows.append(dataclasses.replace(image.row, scores=scores))
        else:
            rows.append(
                image.row.failed(Failure.BAD_SCORE, "a model's score is not finite")
            )
    return rows


class ScoreImages(beam.DoFn):
    """`score_images` for token-budget batches; failed rows pass through at once.

    Models are loaded once in a process, whichever bundles and threads it runs.
    """

    def __init__(self, config: ScoringConfig, shared: Shared):
        self._models = config.models
        self._progress_folder = config.progress_folder
        self._shared = shared
        self._tag = config.run_id

    def setup(self):
        """Load and compile the models before the first bundle."""
        self._scorers = self._shared.acquire(
            lambda: _Scorers(load_scorer(model) for model in self._models), self._tag
        )
        self._progress = ProgressCounter(self._progress_folder)

    def start_bundle(self):
        """Start with no images waiting; batches never reach across bundles."""
        self._batcher = TokenBatcher[PreparedImage]()

    def process(self, element: PreparedImage | LedgerRow) -> Iterator[LedgerRow]:
        """Emit the rows of every batch that this image completes."""
        if isinstance(element, LedgerRow):
            yield from self._finished([element])
        else:
            yield from self._score(self._batcher.add(element, element.token_count))

    # Beam allows windowed values here, which its annotation does not say.
    def finish_bundle(self) -> list[WindowedValue]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Emit the rows of the images still waiting."""
        rows = self._score(self._batcher.flush())
        return [GlobalWindows.windowed_value(row) for row in rows]

    def _score(self, batch: Sequence[PreparedImage]) -> list[LedgerRow]:
        if not batch:
            return []
        rows = score_images(batch, self._scorers)
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
