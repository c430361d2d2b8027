"""What the datasets of training and evaluation share: records, threads and errors."""

import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from training.examples.array_record_source import Split, damaged_image
from training.examples.image_tokens import decode_image
from training.examples.quiet_tensorflow import tf

Batch = dict[str, np.ndarray]


def read_examples(
    source: Split, indices: tf.Tensor, count: int
) -> tuple[tf.Tensor, tf.Tensor]:
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


def explained(
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


def thread_count() -> int:
    """Return how many images are made at a time."""
    return len(os.sched_getaffinity(0))


def dataset_options(threads: int) -> tf.data.Options:
    """One pool of threads, one image a thread: as fast as the cores are."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    options.experimental_optimization.inject_prefetch = False
    options.deterministic = True
    return options


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
