"""Labelled images to training batches, in an order of seed and step alone.

Training is an endless sequence of positions: step s with batch size B takes s * B to
s * B + B - 1. A position decides which example it is, in which epoch, and every random
change to it. So any number of processes sees the same batches, each its part of every
one, and a run that resumes needs its step and no more.
"""

from collections.abc import Iterator

import numpy as np

from training.examples.array_record_source import Split
from training.examples.augmentation import (
    mix,
    mixup_share,
    random_crops,
    random_flip,
    seed_for,
)
from training.examples.image_tokens import (
    TokenChoice,
    decode_image,
    image_tokens,
    pad_tokens,
)
from training.examples.input_config import InputConfig
from training.examples.quiet_tensorflow import tf
from training.examples.rand_augment import rand_augment
from training.examples.read_examples import (
    Batch,
    dataset_options,
    explained,
    read_examples,
    thread_count,
)

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
        files, labels = read_examples(source, indices, group)
        images = [decode_image(files[place]) for place in range(group)]
        arrays = _augment(images, labels, positions, seed, config)
        return {**arrays, "indices": tf.cast(indices, tf.int32)}

    @tf.autograph.experimental.do_not_convert
    def merge_groups(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {
            name: tf.reshape(array, [groups * group, *array.shape[2:]])
            for name, array in batch.items()
        }

    threads = thread_count()
    batches = (
        tf.data.Dataset.range(start_step * groups, tf.int64.max)
        .map(make_group, num_parallel_calls=threads, deterministic=True)
        .batch(groups, drop_remainder=True)
        .map(merge_groups)
        .prefetch(_PREFETCHED_BATCHES)
        .with_options(dataset_options(threads))
    )

    def indices_at(step: int) -> np.ndarray:
        first = step * batch_size + process_index * groups * group
        positions = tf.range(first, first + groups * group, dtype=tf.int64)
        return example_indices(positions, seed, source.example_count).numpy()

    return explained(
        batches, lambda count: indices_at(start_step + count).tolist(), source
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
