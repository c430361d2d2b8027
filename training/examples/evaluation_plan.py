"""Which examples are evaluated together: about equally long ones, in bounded memory."""

import dataclasses

from musiq_core.images.patches import count_tokens
from schemas.errors import UsageError
from schemas.failures import ImageFailure
from training.examples.array_record_source import Split
from training.examples.input_config import InputConfig

# Images times squared length on one device: attention in float32 takes about 1 GB then.
_MOST_TOKEN_PAIRS = 1 << 25


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedBatch:
    """One batch of all processes.

    Attributes:
      indices: Of the examples of every process; the last may have fewer.
      images_per_process: Images of a process's batch, padding included.
      length: Tokens of every image, padding included.
    """

    indices: tuple[tuple[int, ...], ...]
    images_per_process: int
    length: int


def plan_evaluation(
    source: Split,
    config: InputConfig,
    *,
    batch_size: int,
    process_count: int,
    device_count: int | None,
) -> list[PlannedBatch]:
    """Divide all examples of a split into batches, the longest images first.

    Args:
      source: The split.
      config: Decides the lengths.
      batch_size: Images of a batch over all processes, at most.
      process_count: How many share each batch.
      device_count: Devices of a process; None keeps all batches at `batch_size`.

    Raises:
      ValueError: If a batch cannot be shared.
      UsageError: If an image cannot be cut into tokens.
    """
    most, left = divmod(batch_size, process_count)
    if left or most % (device_count or 1):
        raise ValueError(
            f"batch_size {batch_size} must be a multiple of {process_count} processes "
            f"with {device_count or 1} devices each"
        )
    lengths = [
        _token_count(source, config, name, size)
        for name, size in zip(source.names, source.facts.sizes, strict=True)
    ]
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches, start = [], 0
    while start < len(order):
        length = padded_length(lengths[order[start]])
        images = most
        if device_count:
            fitting = _MOST_TOKEN_PAIRS // length**2
            images = min(most, max(fitting, 1) * device_count)
        stop = start + images * process_count
        batches.append(
            PlannedBatch(
                indices=tuple(
                    tuple(order[first : min(first + images, len(order))])
                    for first in range(start, stop, images)
                ),
                images_per_process=images,
                length=length,
            )
        )
        start = stop
    return batches


def padded_length(token_count: int) -> int:
    """Return the next of few lengths: four an octave, at most a quarter more."""
    step = 1 << max(token_count.bit_length() - 3, 0)
    return -(-token_count // step) * step


def _token_count(
    source: Split, config: InputConfig, name: str, size: tuple[int, int]
) -> int:
    try:
        count = count_tokens(*size, config.preprocessing)
    except ImageFailure as failure:
        raise UsageError(
            f"the image {name!r} in {source.dataset.name} cannot be scored: {failure}"
        ) from failure
    most = config.evaluation_max_native_tokens
    if most is None:
        return count
    patch = config.preprocessing.patch_size
    native = (-(-size[0] // patch)) * (-(-size[1] // patch))
    return count - native + min(native, most)
