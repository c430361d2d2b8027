"""What one run of `musiq score` is: what was asked, resolved, and its identity."""

import dataclasses
import datetime
from typing import Any

from musiq_core.config import ModelConfig
from musiq_core.images.preparation import PreparationConfig
from pipelines.scoring.config import ScoringConfig, Vanished
from pipelines.scoring.input import Input
from pipelines.scoring.planning.limits import Limits, limits_of
from pipelines.scoring.planning.previous_state import PreviousState
from pipelines.scoring.slices.refs_at_once import RefsAtOnce
from schemas.ledger import LedgerModel, ledger_schema
from schemas.model_card import ModelCard

MEASURE = "measure"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoringModel:
    """One model file of a run, pinned by its digest.

    Attributes:
      uri: Where the file lies.
      columns: Name and digest, as the ledger shows them.
      config: Architecture and preprocessing.
      card: What the file says of itself.
    """

    uri: str
    columns: LedgerModel
    config: ModelConfig
    card: ModelCard


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run.

    Attributes:
      asked: What the user asked for.
      id: Name of the run; its rows lie in `runs/<id>`.
      started_at: When it was started, UTC.
      version: Of the ledger's log, that it will try to commit.
      output: URI of the ledger's folder.
      inputs: What to score.
      models: Scoring models, in the order of the ledger's columns.
      previous: The ledger as last published, if it was.
      progress_folder: Local folder for live counts; None on other machines' workers.
      engine: Options of the engine that the user gave, by name.
      refs_at_once: How many refs one graph takes; None takes all.
      journal_prefix: With what the names of its journal files begin.
    """

    asked: ScoringConfig
    id: str
    started_at: datetime.datetime
    version: int
    output: str
    inputs: tuple[Input, ...]
    models: tuple[ScoringModel, ...]
    previous: PreviousState | None = None
    progress_folder: str | None = None
    engine: dict[str, Any] = dataclasses.field(default_factory=dict)
    refs_at_once: RefsAtOnce | None = None
    journal_prefix: str = ""

    def __post_init__(self):
        if not self.models:
            raise ValueError("a run needs at least one model")
        ledger_schema((), self.ledger_models, is_measured=self.is_measured)
        _ = self.preparation

    @property
    def ledger_models(self) -> tuple[LedgerModel, ...]:
        """The models as the ledger's columns show them."""
        return tuple(model.columns for model in self.models)

    @property
    def limits(self) -> Limits:
        """How the ledger may change."""
        return limits_of(self.asked)

    @property
    def marks_vanished(self) -> bool:
        """Whether rows of vanished photos stay; they cannot if all is scored again."""
        can_keep = self.previous is not None and self.previous.is_reusable
        return can_keep and self.limits.vanished is Vanished.MARK

    @property
    def is_measured(self) -> bool:
        """Whether photos are measured besides."""
        return self.limits.measure

    @property
    def preparation(self) -> PreparationConfig:
        """How files become patches, once for each distinct preprocessing."""
        return PreparationConfig(
            preprocessings=tuple(
                dict.fromkeys(m.config.preprocessing for m in self.models)
            ),
            decode=self.asked.decode,
            max_tokens=self.asked.max_tokens,
            measure=self.is_measured,
        )

    def score_settings(self) -> dict[str, Any]:
        """Return all settings besides the models that can change what a row says.

        Colour profiles and measures are named only if they count, so that ledgers that
        were made before there was a choice stay as good as they were.
        """
        decode = dataclasses.asdict(self.asked.decode)
        if self.asked.color_profile == "ignore":
            del decode["color_profile"]
        measures = {MEASURE: True} if self.is_measured else {}
        return (
            decode
            | measures
            | {
                "max_file_bytes": self.asked.max_file_bytes,
                "max_tokens": self.asked.max_tokens,
                "precision": self.asked.device.precision,
            }
        )
