"""What is measured of a photo without a model, as ledgers and decoders tell it."""

import dataclasses

from schemas.errors import MusiqError

HASH_BYTES = 32
HIGHEST_QUALITY = 100
_LARGEST_FIGURE = 1e7  # above the largest variance of a Laplacian


class MeasuresError(MusiqError, ValueError):
    """Measures that no photo can have."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """What is measured of one photo; `musiq_core.measures` has the definitions.

    Levels are those of 8-bit grey, 0..255.

    Attributes:
      sharpness: Variance of the Laplacian, squared levels.
      sharpness_tile: The same in the sharpest tenth of 64 tiles.
      brightness: Mean grey, 0..255.
      contrast: Standard deviation of grey, 0..127.5 levels.
      colorfulness: Of Hasler and Suesstrunk, 0 (grey) to about 110.
      entropy: Of the grey histogram, 0..8 bits.
      clipped_dark: Share of pixels at the dark end, 0..1.
      clipped_bright: Share of pixels at the bright end, 0..1.
      noise: Standard deviation of noise, levels; None of a photo less than 3 pixels
        wide or high.
      pdq_hash: PDQ hash, 32 bytes.
      pdq_quality: How much that hash says, 0..100.
    """

    sharpness: float
    sharpness_tile: float
    brightness: float
    contrast: float
    colorfulness: float
    entropy: float
    clipped_dark: float
    clipped_bright: float
    noise: float | None
    pdq_hash: bytes
    pdq_quality: int

    def __post_init__(self):
        for name in FIGURES:
            figure = getattr(self, name)
            is_absent = figure is None and name == "noise"
            if not is_absent and not (
                type(figure) is float and 0 <= figure <= _LARGEST_FIGURE
            ):
                raise MeasuresError(f"{name} must be a figure from 0: {figure!r}")
        if type(self.pdq_hash) is not bytes or len(self.pdq_hash) != HASH_BYTES:
            raise MeasuresError(f"pdq_hash must have {HASH_BYTES} bytes")
        quality = self.pdq_quality
        if type(quality) is not int or not 0 <= quality <= HIGHEST_QUALITY:
            raise MeasuresError(f"pdq_quality must be in 0..{HIGHEST_QUALITY}")


FIGURES = tuple(
    field.name
    for field in dataclasses.fields(Measures)
    if not field.name.startswith("pdq_")
)
