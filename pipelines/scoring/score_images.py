"""`pipelines.ScoreImages`: scoring as one step of somebody else's Beam pipeline."""

import hashlib
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.pvalue import PCollection

from musiq_core.config import DEFAULT_DECODING, DecodeConfig
from musiq_core.images.preparation import PreparationConfig
from pipelines.decoding.limits import DEFAULT_LIMITS, DecoderLimits
from pipelines.scoring.config import Device, ScoringConfig
from pipelines.scoring.configure import read_models
from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.reading.fetch import FetchedImage, FetchImage
from pipelines.scoring.reading.gather import RefGroup
from pipelines.scoring.reading.prepare import PrepareImage
from pipelines.scoring.score import ScoreBatches
from pipelines.storage import NameRefused, resolve
from pipelines.storage.uris import without_secrets
from schemas.failures import Failure
from schemas.ledger import LedgerRow, image_columns


class ScoreImages(beam.PTransform):
    """Scores images: names or bytes in, one dictionary out for each of them.

    Takes names of images (a local path, gs:// or s3://), pairs of a name and the bytes
    of an image, or both mixed. Gives the columns of a ledger but those that a run fills
    (`run_id`, `scored_at`, `vanished`), in no order; of an image that came as bytes,
    `uri` and `key` are the name that came with it.

        rows = pipeline | beam.Create(["photos/a.jpg", ("b", data)]) | ScoreImages()

    As in `musiq score`, a file is decoded in a process that can be killed, and one that
    cannot be scored is a row with a `failure`; only a store that is down, a model that
    is not what it was or a missing device raise. Images are not spread over workers:
    put a `beam.Reshuffle()` before this if few elements have made many names. Names are
    opened with the worker's credentials wherever they lead: choose them, if strangers
    may write them.
    """

    def __init__(
        self,
        models: Sequence[str] = ("builtin",),
        *,
        device: str = "cpu",
        decode: DecodeConfig = DEFAULT_DECODING,
        max_tokens: int | None = None,
        measure: bool = False,
        decoder_limits: DecoderLimits = DEFAULT_LIMITS,
        max_file_bytes: int = ScoringConfig.max_file_bytes,
    ):
        """Read the models, so that a bad one stops the program before its job starts.

        Args:
          models: As `musiq score --model` takes them: `builtin`, a file, FOLDER@latest,
            each with NAME= before it or not. Workers must be able to read them.
          device: `cpu`, `gpu` or `tpu`: what workers compute on.
          decode: How files become pixels, and the limits on them.
          max_tokens: Photos with more tokens are shrunk; None shrinks nothing.
          measure: Whether rows have the columns of `musiq score --measure`.
          decoder_limits: What decoding one image may cost.
          max_file_bytes: Larger images fail as `too_large`.

        Raises:
          MusiqError: If a model cannot be used; one line.
          ValueError: If there is no model, or no such device.
        """
        super().__init__()
        self._models = read_models(models)
        if not self._models:
            raise ValueError("ScoreImages needs at least one model")
        self._device = Device(device)
        self._preparation = PreparationConfig(
            preprocessings=tuple(
                dict.fromkeys(model.config.preprocessing for model in self._models)
            ),
            decode=decode,
            max_tokens=max_tokens,
            measure=measure,
        )
        self._decoder_limits = decoder_limits
        self._max_file_bytes = max_file_bytes

    def expand(self, input_or_inputs: PCollection) -> PCollection:
        """Fetch what came as a name, then prepare and score everything."""
        elements = input_or_inputs
        fetch = FetchImage(max_file_bytes=self._max_file_bytes)
        prepare = PrepareImage(
            self._preparation,
            self._decoder_limits,
            is_ahead=self._device.is_accelerator,
        )
        columns = tuple(model.columns for model in self._models)
        named = elements | "Names" >> beam.FlatMap(_named)
        fetched = named | "Fetch" >> beam.ParDo(fetch)
        given = elements | "Bytes" >> beam.FlatMap(_given, self._max_file_bytes)
        return (
            (fetched, given)
            | "Images" >> beam.Flatten()
            | "Prepare" >> beam.ParDo(prepare)
            | "Score" >> beam.ParDo(ScoreBatches(self._models, self._device))
            | "Rows"
            >> beam.Map(
                image_columns, models=columns, is_measured=self._preparation.measure
            )
        )


def _named(element: object) -> Iterator[RefGroup]:
    """Yield what is to be fetched.

    Raises:
      TypeError: If the element is neither a name nor a name with bytes.
    """
    match element:
        case str(name):
            yield RefGroup(refs=(_ref(name),))
        case (str(), bytes()):
            pass
        case _:
            raise TypeError(
                "ScoreImages takes names and pairs of a name and bytes, got "
                f"{type(element).__name__}"
            )


def _ref(name: str) -> ImageRef:
    try:
        uri = resolve(name, base=None)
    except NameRefused as refused:
        shown = without_secrets(name)
        refusal = (refused.failure, refused.detail)
        return ImageRef(uri=shown, key=shown, order=(), refusal=refusal)
    return ImageRef(uri=uri, key=name, order=())


def _given(
    element: str | tuple[str, bytes], max_file_bytes: int
) -> Iterator[FetchedImage | LedgerRow]:
    """Yield what has bytes already."""
    if isinstance(element, str):
        return
    name, data = element
    row = LedgerRow(
        uri=name,
        key=name,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    if len(data) <= max_file_bytes:
        yield FetchedImage(row=row, data=data)
    else:
        detail = f"{len(data)} bytes exceed the limit of {max_file_bytes}"
        yield row.failed(Failure.TOO_LARGE, detail)
