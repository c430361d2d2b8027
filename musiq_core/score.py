"""Scoring pictures one by one, in a notebook or a small program.

    from musiq_core.score import ImageScorer

    scorer = ImageScorer()
    scorer.score(pixels).value

`musiq score` is for collections: it batches, bounds what a file may cost, and accounts
for every one.
"""

import numpy as np

from musiq_core.images.decode import DEFAULT_DECODING, DecodeConfig, decode_image
from musiq_core.images.patches import extract_patches
from musiq_core.model_files.builtin import read_builtin
from musiq_core.model_files.model_file import read_model_file
from musiq_core.programs.packed.scorer import PackedScorer
from schemas.ledger import Score
from schemas.model_card import ModelCard


class ImageScorer:
    """One model, ready to score; compiled at the first picture.

    Attributes:
      card: What the model's file says of it, such as its score range.
    """

    def __init__(self, model_file: bytes | None = None):
        """Read and verify a model.

        Args:
          model_file: Bytes of a model file; None for the built-in model.

        Raises:
          ModelFileError: If it is none, or is damaged.
        """
        model = read_model_file(read_builtin() if model_file is None else model_file)
        self.card: ModelCard = model.card
        self._preprocessing = model.config.preprocessing
        self._scorer = PackedScorer(model)

    def score(self, pixels: np.ndarray) -> Score:
        """Score a picture.

        Args:
          pixels: uint8 [height, width, 3], upright RGB in 0..255.

        Raises:
          ValueError: If the array is none of a picture, or a picture of more tokens
            than fit the longest sequence.
          ImageFailure: `unsupported_shape` if it is too thin.
        """
        if pixels.dtype != np.uint8 or pixels.shape[2:] != (3,) or not pixels.size:
            raise ValueError(
                "pixels must be uint8 [height, width, 3], RGB, got "
                f"{pixels.dtype} {list(pixels.shape)}"
            )
        [score] = self._scorer.score([extract_patches(pixels, self._preprocessing)])
        return score

    def score_file(self, data: bytes, config: DecodeConfig = DEFAULT_DECODING) -> Score:
        """Score the first frame of an image file, as `musiq score` does.

        Args:
          data: The whole file.
          config: How it is read, and the limits on it.

        Raises:
          ImageFailure: As `decode_image`, or `unsupported_shape` if it is too thin.
          ValueError: If it has more tokens than fit the longest sequence.
        """
        return self.score(decode_image(data, config).pixels)
