"""A calibration as a JSON file: what scores of one model mean, for other programs.

    {"kind": "musiq-calibration", "version": 1, "model": "koniq", "digest": "9f86...",
     "meaning": "keep", "labels": 200, "higher_is_better": true,
     "scores": [31.2, 40.5, 66.0], "values": [0.1, 0.5, 0.97], "cut": 58.25}

`values` are the share of photos that people keep, or their rating, at `scores`;
between them the map is straight, beyond them flat. `cut` is the score that was
proposed, or null.
"""

import dataclasses
import json
from typing import Any, Literal

import pyarrow as pa

from pipelines.selecting.calibration.isotonic import RisingMap
from pipelines.storage import Refused, resolve, storage_for
from pipelines.storage.new_files import new_file
from schemas.errors import MusiqError, UsageError
from schemas.plain import PlainError, from_plain, to_plain

KIND, VERSION = "musiq-calibration", 1
_MAX_BYTES = 64 << 20


class CalibrationError(MusiqError, ValueError):
    """A file that is no calibration, or one of another model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """What scores of one model mean.

    Attributes:
      model: Name of the model in the ledger.
      digest: SHA-256 of the model file: another model's scores mean something else.
      meaning: What people said of photos.
      labels: How many labels it was made from.
      higher_is_better: Direction of the score.
      scores: Scores of the map's knots, rising.
      values: What they mean.
      cut: The score that was proposed; None if none was.
    """

    model: str
    digest: str
    meaning: Literal["keep", "rating"]
    labels: int
    higher_is_better: bool
    scores: tuple[float, ...]
    values: tuple[float, ...]
    cut: float | None = None

    def __post_init__(self):
        _ = self.map

    @property
    def map(self) -> RisingMap:
        """The map from scores."""
        return RisingMap(
            scores=self.scores, values=self.values, rises=self.higher_is_better
        )

    @property
    def column(self) -> str:
        """The column that its values are called by."""
        return f"calibrated_{self.model}"

    def apply(self, scores: pa.Array) -> pa.Array:
        """Return what scores mean, float32; null stays null."""
        floats = scores.cast(pa.float64()).to_numpy(zero_copy_only=False)
        found = pa.array(self.map.apply(floats), pa.float32(), from_pandas=True)
        return found

    def require_model(self, models: dict[str, dict[str, Any]], ledger: str) -> None:
        """Refuse a ledger whose scores are of another model file.

        Raises:
          CalibrationError: Naming both.
        """
        if self.model not in models:
            raise CalibrationError(
                f"the calibration is of the model {self.model}, and {ledger} has "
                f"{', '.join(models) or 'none'}"
            )
        digest = models[self.model]["digest"]
        if digest != self.digest:
            raise CalibrationError(
                f"the calibration is of the model file {self.digest[:12]}, and "
                f"{self.model} of {ledger} is {digest[:12]}, whose scores may mean "
                "something else; calibrate again"
            )

    def to_json(self) -> str:
        """Return the file."""
        told = {"kind": KIND, "version": VERSION} | to_plain(self)
        return json.dumps(told, indent=1) + "\n"


def read_calibration(text: str) -> Calibration:
    """Read a calibration from any store.

    Raises:
      CalibrationError: If it is none; one line.
      StorageError: If it cannot be read.
    """
    uri = _resolved(text)
    with storage_for(uri).open_read(uri) as file:
        data = file.read(_MAX_BYTES)
    try:
        told = json.loads(data)
        if not isinstance(told, dict) or told.pop("kind", None) != KIND:
            raise CalibrationError(
                f"{text} is no calibration: `musiq select --calibration_output` writes "
                "one"
            )
        if (version := told.pop("version", None)) != VERSION:
            raise CalibrationError(
                f"{text} is a calibration of version {version}, and {VERSION} is read; "
                "a newer musiq reads it"
            )
        return from_plain(Calibration, told)
    except (ValueError, RecursionError, PlainError) as error:
        if isinstance(error, CalibrationError):
            raise
        raise CalibrationError(f"{text} is no calibration: {error}") from error


def write_calibration(calibration: Calibration, text: str) -> None:
    """Write a calibration into a new file of any store.

    Raises:
      UsageError: If it exists.
      StorageError: If it cannot be written.
    """
    with new_file(_resolved(text)) as file:
        file.write(calibration.to_json().encode())


def _resolved(text: str) -> str:
    try:
        return resolve(text, base=None)
    except Refused as refused:
        raise UsageError(f"{text!r} names no file: {refused.detail}") from refused
