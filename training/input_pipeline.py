"""Labelled images to batches, in an order that depends on nothing but seed and step.

Training is an endless sequence of positions: step s with batch size B takes s * B to
s * B + B - 1. A position decides which example it is, in which epoch, and every random
change to it. So any number of processes sees the same batches, each its part of every
one, and a run that resumes needs its step and no more.
"""

import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from musiq_core.config import PreprocessingConfig
from training.array_record_source import Split, damaged_image, open_split
from training.augmentation import (
    mix,
    mixup_share,
    random_crops,
    random_flip,
    seed_for,
)
from training.evaluation_plan import plan_evaluation
from training.image_tokens import TokenChoice, decode_image, image_tokens, pad_tokens
from training.input_config import InputConfig
from training.quiet_tensorflow import tf
from training.rand_augment import rand_augment

__all__ = [
    "Batch",
    "InputConfig",
    "Split",
    "evaluation_batches",
    "example_indices",
    "open_split",
    "training_batches",
]

Batch = dict[str, np.ndarray]

_PREFETCHED_BATCHES = 2
# What a seed is for; the numbers must not change, or old runs could not be repeated.
_FLIP, _CROP_PLACE, _CROP_SIZE, _RANDAUGMENT, _MIXUP, _TOKENS = range(6)


def training_batches(
    source: Split,
    config: InputConfig,
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Yield this process's part of every batch from `start_step` on, without end.

    Args:
      source: Where the examples are.
      config: What becomes of their images.
      batch_size: Images of a step, over all processes.
      seed: Decides the order and all that is random.
      start_step: Steps that were done before.
      process_index: This process.
      process_count: How many take part; they must divide the batch.

    Yields:
      `pixels` float32 [B, L, patch * patch * 3] in -1..1, `positions` int32 [B, L],
      `scale_ids` int32 [B, L], `mask` bool [B, L], `labels` float32 [B, label_size] and
      `indices` int32 [B], B being the images of this process. L is always
      `config.token_count`.

    Raises:
      ValueError: If the processes cannot share the batch.
      UsageError: If a record or an image is damaged.
    """
    group = config.images_per_group
    if batch_size % (process_count * group):
        whole = "whole pairs of mixed images" if group == 2 else "whole images"
        raise ValueError(
            f"batch_size {batch_size} over {process_count} processes must give each "
            f"{whole}"
        )
    groups = batch_size // process_count // group

    def positions_of(number: tf.Tensor) -> tf.Tensor:
        """Positions of a group of this process, numbered from step 0 on."""
        step, place = number // groups, tf.math.floormod(number, groups)
        first = step * batch_size + (process_index * groups + place) * group
        return first + tf.range(group, dtype=tf.int64)

    @tf.autograph.experimental.do_not_convert
    def make_group(number: tf.Tensor) -> dict[str, tf.Tensor]:
        positions = positions_of(number)
        indices = example_indices(positions, seed, source.example_count)
        files, labels = _read(source, indices, group)
        images = [decode_image(files[place]) for place in range(group)]
        arrays = _augment(images, labels, positions, seed, config)
        return {**arrays, "indices": tf.cast(indices, tf.int32)}

    @tf.autograph.experimental.do_not_convert
    def merge_groups(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {
            name: tf.reshape(array, [groups * group, *array.shape[2:]])
            for name, array in batch.items()
        }

    threads = _thread_count()
    batches = (
        tf.data.Dataset.range(start_step * groups, tf.int64.max)
        .map(make_group, num_parallel_calls=threads, deterministic=True)
        .batch(groups, drop_remainder=True)
        .map(merge_groups)
        .prefetch(_PREFETCHED_BATCHES)
        .with_options(_options(threads))
    )

    def indices_at(step: int) -> np.ndarray:
        first = step * batch_size + process_index * groups * group
        positions = tf.range(first, first + groups * group, dtype=tf.int64)
        return example_indices(positions, seed, source.example_count).numpy()

    return _explained(
        batches, lambda count: indices_at(start_step + count).tolist(), source
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


def example_indices(positions: tf.Tensor, seed: int, example_count: int) -> tf.Tensor:
    """Return which examples have these positions: every epoch has another order.

    Args:
      positions: int64 [n], counted from the start of the run.
      seed: Of the run.
      example_count: Examples of the split.
    """
    epochs = positions // example_count
    seeds = tf.stack([tf.fill(tf.shape(epochs), tf.cast(seed, tf.int64)), epochs], 1)
    # What `tf.random.experimental.index_shuffle` does, for many indices at once.
    return tf.raw_ops.RandomIndexShuffle(
        index=tf.math.floormod(positions, example_count),
        seed=tf.pad(seeds, [[0, 0], [0, 1]]),
        max_index=tf.constant(example_count - 1, tf.int64),
        rounds=4,
    )


def _augment(
    images: list[tf.Tensor],
    labels: tf.Tensor,
    positions: tf.Tensor,
    seed: int,
    config: InputConfig,
) -> dict[str, tf.Tensor]:
    """Return the arrays of a group of images, [images, ...] each."""
    seeds = [tf.stack([seed, position]) for position in tf.unstack(positions)]
    patch = config.preprocessing.patch_size
    first_tokens = config.token_choice == "first"
    if config.crop_min_area is not None:
        images = random_crops(
            images,
            [seed_for(s, _CROP_PLACE) for s in seeds],
            seed_for(seeds[0], _CROP_SIZE),
            min_area=config.crop_min_area,
            patch_size=patch,
            max_patches=config.max_native_tokens if first_tokens else None,
        )
    if config.flip:
        images = [
            random_flip(image, seed_for(s, _FLIP))
            for image, s in zip(images, seeds, strict=True)
        ]
    if config.randaugment_ops:
        images = [
            rand_augment(
                image,
                seed_for(s, _RANDAUGMENT),
                operations=config.randaugment_ops,
                magnitude=config.randaugment_magnitude,
            )
            for image, s in zip(images, seeds, strict=True)
        ]
    if config.mixup_alpha:
        share = mixup_share(seed_for(seeds[0], _MIXUP), config.mixup_alpha)
        images = mix(images[0], images[1], share)
        labels = tf.stack(mix(labels[0], labels[1], share))
    sequences = []
    for image, s in zip(images, seeds, strict=True):
        choices = [
            TokenChoice(
                most=most,
                seed=None if first_tokens else seed_for(seed_for(s, _TOKENS), scale),
            )
            for scale, most in enumerate(
                [*config.resized_token_counts, config.max_native_tokens]
            )
        ]
        tokens = image_tokens(image, config.preprocessing, choices)
        sequences.append(pad_tokens(tokens, config.token_count))
    arrays = {name: tf.stack([s[name] for s in sequences]) for name in sequences[0]}
    return {**arrays, "labels": labels}


def _read(source: Split, indices: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the image files, string [count], and labels of examples."""

    def read(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        examples = [source.read(int(index)) for index in indices]
        files = np.empty(len(examples), object)
        files[:] = [example.image for example in examples]
        return files, np.stack([source.label(example) for example in examples])

    files, labels = tf.numpy_function(
        read, [indices], [tf.string, tf.float32], stateful=False
    )
    labels = tf.ensure_shape(labels, [count, source.dataset.label_size])
    return tf.ensure_shape(files, [count]), labels


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
        files, labels = _read(source, index[None], 1)
        tokens = image_tokens(decode_image(files[0]), config.preprocessing, choices)
        return {**tokens, "labels": labels[0], "indices": tf.cast(index, tf.int32)}

    threads = _thread_count()
    images = (
        tf.data.Dataset.from_tensor_slices(np.array(order, np.int64))
        .map(make_image, num_parallel_calls=threads, deterministic=True)
        .with_options(_options(threads))
    )
    return _explained(images, lambda count: [order[count]], source)


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


def _explained(
    dataset: tf.data.Dataset, indices_at: Callable[[int], list[int]], source: Split
) -> Iterator[Batch]:
    """Yield a dataset's elements; if one fails, find the example that is to blame."""
    live: list[Any] = [dataset.as_numpy_iterator()]
    elements = _elements(live, indices_at, source)
    # TensorFlow's threads read records through Python. An iterator that is still there
    # while Python takes itself down waits for them, and they for Python, for ever; a
    # finalizer runs before that.
    weakref.finalize(elements, live.clear)
    return elements


def _elements(
    live: list[Any], indices_at: Callable[[int], list[int]], source: Split
) -> Iterator[Batch]:
    count = 0
    while True:
        try:
            element: Batch = next(live[0])
        except StopIteration:
            return
        except tf.errors.OpError as error:
            _blame(source, indices_at(count), error)
            raise
        yield element
        count += 1


def _blame(source: Split, indices: list[int], error: Exception) -> None:
    """Raise the `UsageError` of the first of these examples that is damaged."""
    for index in indices:
        example = source.read(index)
        source.label(example)
        try:
            decode_image(tf.constant(example.image))
        except tf.errors.OpError:
            raise damaged_image(source, example.name) from error


def _thread_count() -> int:
    return len(os.sched_getaffinity(0))


def _options(threads: int) -> tf.data.Options:
    """One pool of threads, one image a thread: as fast as the cores are."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    options.experimental_optimization.inject_prefetch = False
    options.deterministic = True
    return options
