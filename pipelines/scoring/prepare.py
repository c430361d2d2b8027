"""Prepare: a file's bytes become patches of every scale, or a failed ledger row."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import apache_beam as beam

from musiq_core.config import PreprocessingConfig
from musiq_core.image import DecodeConfig, DecodedImage
from musiq_core.packing import LARGEST_TOKEN_COUNT
from musiq_core.patches import Patches, count_tokens, extract_patches
from pipelines.decoding import Decoder, DecoderLimits
from pipelines.scoring.fetch import FetchedImage
from schemas.failures import Failure, ImageFailure
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
    fetched: FetchedImage,
    *,
    decode: Callable[[bytes], DecodedImage],
    preprocessings: Sequence[PreprocessingConfig],
) -> PreparedImage | LedgerRow:
    """Decode an image and cut its patches.

    Args:
      fetched: The file.
      decode: Turns a file into pixels or raises `ImageFailure`.
      preprocessings: The distinct preprocessings of the models.

    Returns:
      The patches and the row's facts, or the failed row, which keeps the facts that
      were found before it failed.
    """
    row = fetched.row
    try:
        image = decode(fetched.data)
        height, width, _ = image.pixels.shape
        row = dataclasses.replace(
            row,
            format=image.format,
            width=width,
            height=height,
            frames=image.frames,
            orientation=image.orientation,
        )
        token_count = max(count_tokens(height, width, p) for p in preprocessings)
        if token_count > LARGEST_TOKEN_COUNT:
            raise ImageFailure(
                Failure.TOO_LARGE,
                f"{width} x {height} pixels make {token_count} tokens, at most "
                f"{LARGEST_TOKEN_COUNT} can be scored",
            )
        patches = tuple(extract_patches(image.pixels, p) for p in preprocessings)
    except ImageFailure as failure:
        return row.failed(failure.failure, failure.detail)
    return PreparedImage(
        row=dataclasses.replace(row, tokens=token_count), patches=patches
    )


class PrepareImage(beam.DoFn):
    """`prepare_image` for every file, decoding in a child process that can be killed.

    Rows that have failed already pass through.
    """

    def __init__(
        self,
        *,
        decode: DecodeConfig,
        limits: DecoderLimits,
        preprocessings: Sequence[PreprocessingConfig],
    ):
        self._decode = decode
        self._limits = limits
        self._preprocessings = tuple(preprocessings)

    def setup(self):
        """Make the decoder; its child starts with the first image."""
        self._decoder = Decoder(self._decode, self._limits)

    def teardown(self):
        """End the child; it also ends by itself when this process does."""
        self._decoder.close()

    def process(
        self, element: FetchedImage | LedgerRow
    ) -> Iterator[PreparedImage | LedgerRow]:
        """Emit the patches or the failed row."""
        if isinstance(element, LedgerRow):
            yield element
        else:
            yield prepare_image(
                element,
                decode=self._decoder.decode,
                preprocessings=self._preprocessings,
            )
