"""One labelled image on disk: what `musiq prepare` writes and `musiq-train` reads.

A record is four bytes with the length of a JSON header (little endian), the header, and
the image file. Both sides need nothing but the standard library for it.
"""

import dataclasses
import json
import math

from schemas.errors import MusiqError
from schemas.plain import from_plain, to_plain

SPLITS = ("train", "validation", "test")
_LENGTH_BYTES = 4


class TrainingExampleError(MusiqError, ValueError):
    """A record that is no training example, or an example that contradicts itself."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingExample:
    """One labelled image.

    Attributes:
      image: A JPEG or PNG file, upright, RGB or grey, 8 bits, which every decoder reads
        as the same pixels; other files were converted to PNG when they were prepared.
      name: Its name in the data set, such as `blur_dataset/motion0044.jpg`.
      split: One of `SPLITS`.
      label: One score on the data set's own scale, the probabilities of the ratings
        1..n, or the index of a class; the data set's card says which.
      group: What must not be torn apart by a split: the reference image of a distorted
        one, the image of a patch, otherwise the image itself.
    """

    image: bytes
    name: str
    split: str
    label: tuple[float, ...]
    group: str

    def __post_init__(self):
        if self.split not in SPLITS:
            raise TrainingExampleError(
                f"split of {self.name!r} must be one of {', '.join(SPLITS)}, "
                f"got {self.split!r}"
            )
        if not self.label or not all(map(math.isfinite, self.label)):
            raise TrainingExampleError(
                f"label of {self.name!r} must be finite numbers, got {self.label}"
            )

    def to_bytes(self) -> bytes:
        """Return the record; the same example gives the same bytes."""
        fields = to_plain(self)
        del fields["image"]
        header = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
        return len(header).to_bytes(_LENGTH_BYTES, "little") + header + self.image

    @classmethod
    def from_bytes(cls, record: bytes) -> "TrainingExample":
        """Read a record.

        Raises:
          TrainingExampleError: If it is not one.
        """
        end = _LENGTH_BYTES + int.from_bytes(record[:_LENGTH_BYTES], "little")
        try:
            fields = json.loads(record[_LENGTH_BYTES:end])
            return from_plain(cls, {"image": record[end:], **fields})
        except (ValueError, TypeError) as error:
            if isinstance(error, TrainingExampleError):
                raise
            raise TrainingExampleError(f"not a training example: {error}") from error
