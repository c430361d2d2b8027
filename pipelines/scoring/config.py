"""Everything that one scoring run is told, checked at construction."""

import dataclasses
import datetime
from typing import Any

import pyarrow as pa

from musiq_core.config import ModelConfig
from musiq_core.images.decode import DEFAULT_DECODING, DecodeConfig
from musiq_core.images.preparation import PreparationConfig
from pipelines.decoding import DEFAULT_LIMITS, DecoderLimits
from pipelines.scoring.device import Device
from pipelines.scoring.input import Input
from pipelines.scoring.plan import RetryFailed, Vanished
from pipelines.scoring.previous_state import PreviousState
from schemas.ledger import LedgerModel, ledger_schema
from schemas.model_card import ModelCard


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
class ScoringConfig:
    """One run of `musiq score`.

    Attributes:
      inputs: What to score.
      output: The ledger's folder.
      models: Scoring models, in the order of the ledger's columns.
      run_id: Name of this run; its rows lie in `runs/<run_id>`.
      started_at: When the run was started, UTC.
      manifest_number: The manifest that this run will try to create.
      previous: The ledger as last published, if its rows can be kept.
      retry_failed: Which failed rows are tried again.
      vanished: What becomes of rows whose inputs are no longer named.
      carried: Columns carried from the inputs to the ledger.
      decode: How files become pixels, and the limits on them.
      max_tokens: Photos with more tokens are shrunk; None shrinks nothing.
      device: What computes the scores.
      decoder_limits: What decoding one image may cost.
      max_file_bytes: Larger files fail as `too_large`, unread.
      max_failure_rate: Share of failed images above which nothing is published.
      rows_per_shard: Rows of one Parquet file, about.
      progress_folder: Local folder for live counts; None on other machines' workers.
    """

    inputs: tuple[Input, ...]
    output: str
    models: tuple[ScoringModel, ...]
    run_id: str
    started_at: datetime.datetime
    manifest_number: int
    previous: PreviousState | None = None
    retry_failed: RetryFailed = RetryFailed.TRANSIENT
    vanished: Vanished = Vanished.DROP
    carried: tuple[pa.Field, ...] = ()
    decode: DecodeConfig = DEFAULT_DECODING
    max_tokens: int | None = None
    device: Device = Device.CPU
    decoder_limits: DecoderLimits = DEFAULT_LIMITS
    max_file_bytes: int = 256 * 2**20
    max_failure_rate: float = 0.05
    rows_per_shard: int = 100_000
    progress_folder: str | None = None

    def __post_init__(self):
        if not self.inputs:
            raise ValueError("a run needs at least one input")
        if not self.models:
            raise ValueError("a run needs at least one model")
        if self.max_file_bytes < 1:
            raise ValueError(
                f"max_file_bytes must be at least 1, got {self.max_file_bytes}"
            )
        if not 0 <= self.max_failure_rate <= 1:
            raise ValueError(
                f"max_failure_rate must be in 0..1, got {self.max_failure_rate}"
            )
        if self.rows_per_shard < 1:
            raise ValueError(
                f"rows_per_shard must be at least 1, got {self.rows_per_shard}"
            )
        ledger_schema(self.carried, self.ledger_models)
        _ = self.preparation

    @property
    def ledger_models(self) -> tuple[LedgerModel, ...]:
        """The models as the ledger's columns show them."""
        return tuple(model.columns for model in self.models)

    @property
    def preparation(self) -> PreparationConfig:
        """How files become patches, once for each distinct preprocessing."""
        return PreparationConfig(
            preprocessings=tuple(
                dict.fromkeys(m.config.preprocessing for m in self.models)
            ),
            decode=self.decode,
            max_tokens=self.max_tokens,
        )

    def score_settings(self) -> dict[str, Any]:
        """Return all settings besides the models that can change a score."""
        return dataclasses.asdict(self.decode) | {
            "max_file_bytes": self.max_file_bytes,
            "max_tokens": self.max_tokens,
            "precision": self.device.precision,
        }
