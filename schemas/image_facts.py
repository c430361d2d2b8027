"""What decoding finds out about an image file, before any model sees it."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """Ledger columns about a file; None where it failed before they were known.

    Attributes:
      format: Such as "JPEG".
      width: Pixels, upright.
      height: Pixels, upright.
      frames: Pictures in the file.
      orientation: EXIF orientation, 1 to 8.
      icc: Name of the colour profile, or its digest; None also where there is none.
      tokens: Tokens in the longest of the models' sequences.
      shrink_factor: Side as scored over side in the file, in (0, 1].
    """

    format: str | None = None
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    orientation: int | None = None
    icc: str | None = None
    tokens: int | None = None
    shrink_factor: float | None = None


NO_FACTS = ImageFacts()
