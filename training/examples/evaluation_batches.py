"""Labelled images to evaluation batches: each once, whole, at its native size."""

from collections.abc import Iterator

import numpy as np

from musiq_core.config import PreprocessingConfig
from training.examples.array_record_source import Split
from training.examples.evaluation_plan import plan_evaluation
from training.examples.image_tokens import TokenChoice, decode_image, image_tokens
from training.examples.input_config import InputConfig
from training.examples.quiet_tensorflow import tf
from training.examples.read_examples import (
    Batch,
    dataset_options,
    explained,
    read_examples,
    thread_count,
)


def evaluation_batches(
    source: Split,
    config: InputConfig,
    *,
    batch_size: int,
    process_index: int = 0,
    process_count: int = 1,
    device_count: int | None = None,
) -> Iterator[Batch]:
    """Yield this process's part of all examples, each once, whole, at its native size.

    Images of about one length go together, the longest first. All processes get equally
    many batches, and the same shapes at the same time.

    Args:
      source: Where the examples are.
      config: Preprocessing, and how many native tokens at most.
      batch_size: Images of a batch, over all processes.
      process_index: This process.
      process_count: How many take part; they must divide the batch.
      device_count: Devices that a process divides a batch among. If given, batches of
        long images have fewer images, a multiple of it, so that memory stays bounded.

    Yields:
      The arrays of `training_batches`, L being one of a few lengths, and `example_mask`
      bool [B]: False for padding, whose arrays are 0 and whose index is -1.

    Raises:
      ValueError: If the processes cannot share the batch.
      UsageError: If a record or an image is damaged, or an image cannot be scored.
    """
    plan = plan_evaluation(
        source,
        config,
        batch_size=batch_size,
        process_count=process_count,
        device_count=device_count,
    )
    mine = [batch.indices[process_index] for batch in plan]
    order = [index for indices in mine for index in indices]
    images = iter(_evaluation_images(source, config, order))
    for batch, indices in zip(plan, mine, strict=True):
        yield _padded_batch(
            [next(images) for _ in indices],
            image_count=batch.images_per_process,
            length=batch.length,
            config=config.preprocessing,
            label_size=source.dataset.label_size,
        )


def _evaluation_images(
    source: Split, config: InputConfig, order: list[int]
) -> Iterator[Batch]:
    """Yield the arrays of images, one by one, without padding."""
    scales = len(config.preprocessing.scales)
    choices = [
        *[TokenChoice()] * scales,
        TokenChoice(most=config.evaluation_max_native_tokens),
    ]

    @tf.autograph.experimental.do_not_convert
    def make_image(index: tf.Tensor) -> dict[str, tf.Tensor]:
        files, labels = read_examples(source, index[None], 1)
        tokens = image_tokens(decode_image(files[0]), config.preprocessing, choices)
        return {**tokens, "labels": labels[0], "indices": tf.cast(index, tf.int32)}

    threads = thread_count()
    images = (
        tf.data.Dataset.from_tensor_slices(np.array(order, np.int64))
        .map(make_image, num_parallel_calls=threads, deterministic=True)
        .with_options(dataset_options(threads))
    )
    return explained(images, lambda count: [order[count]], source)


def _padded_batch(
    images: list[Batch],
    *,
    image_count: int,
    length: int,
    config: PreprocessingConfig,
    label_size: int,
) -> Batch:
    token_size = config.patch_size**2 * 3
    batch = {
        "pixels": np.zeros((image_count, length, token_size), np.float32),
        "positions": np.zeros((image_count, length), np.int32),
        "scale_ids": np.zeros((image_count, length), np.int32),
        "mask": np.zeros((image_count, length), bool),
        "labels": np.zeros((image_count, label_size), np.float32),
        "indices": np.full(image_count, -1, np.int32),
        "example_mask": np.arange(image_count) < len(images),
    }
    for row, image in enumerate(images):
        tokens = len(image["positions"])
        for name in ("pixels", "positions", "scale_ids"):
            batch[name][row, :tokens] = image[name]
        batch["mask"][row, :tokens] = True
        batch["labels"][row] = image["labels"]
        batch["indices"][row] = image["indices"]
    return batch
