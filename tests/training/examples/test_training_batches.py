"""The same batches for any number of processes and after any restart, and no others."""

import functools
import hashlib
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.make_images import encoded, noise
from helpers.training_shards import examples_of, noise_examples, write_shards

from musiq_core.config import PreprocessingConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.patches import extract_patches
from schemas.errors import UsageError
from training.examples.array_record_source import open_split
from training.examples.evaluation_batches import evaluation_batches
from training.examples.input_config import InputConfig
from training.examples.quiet_tensorflow import tf
from training.examples.training_batches import example_indices, training_batches

SMALL = PreprocessingConfig(scales=(32,), patch_size=16)
PLAIN = InputConfig(preprocessing=SMALL, max_native_tokens=8, flip=False)
FINE_TUNING = InputConfig(preprocessing=SMALL, max_native_tokens=8)
RANDOM_TOKENS = InputConfig(
    preprocessing=SMALL,
    max_native_tokens=5,
    max_resized_tokens=2,
    token_choice="random",
)
PRETRAINING = InputConfig(
    preprocessing=SMALL,
    max_native_tokens=8,
    crop_min_area=0.25,
    randaugment_ops=2,
    mixup_alpha=0.5,
)
CONFIGS = {
    "fine-tuning": FINE_TUNING,
    "random tokens": RANDOM_TOKENS,
    "pretraining": PRETRAINING,
}
COUNT = 23


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rated")
    examples = noise_examples(COUNT)
    write_shards(folder, [*examples, *noise_examples(13, split="test")], shard_count=3)
    return folder


@pytest.fixture(scope="module")
def split(rated):
    return open_split(str(rated), "train")


def take(split, config, count: int, **options):
    options = {"batch_size": 8, "seed": 3, "start_step": 0} | options
    return list(itertools.islice(training_batches(split, config, **options), count))


def joined(parts):
    """One batch of the parts of all processes, in their order."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def assert_equal_batches(found, expected):
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture(scope="module")
def uninterrupted(split):
    return functools.cache(lambda name: take(split, CONFIGS[name], 6))


@pytest.mark.parametrize(
    ("name", "processes"),
    [
        ("fine-tuning", 2),
        ("fine-tuning", 4),
        ("random tokens", 2),
        ("pretraining", 2),
        pytest.param("pretraining", 4, marks=pytest.mark.training),
    ],
)
def test_any_number_of_processes_sees_the_same_batches(
    split, uninterrupted, name, processes
):
    parts = [
        take(split, CONFIGS[name], 4, process_index=index, process_count=processes)
        for index in range(processes)
    ]
    assert_equal_batches(
        [joined(step) for step in zip(*parts, strict=True)], uninterrupted(name)[:4]
    )


@pytest.mark.parametrize("name", ["fine-tuning", "random tokens"])
def test_a_run_that_resumes_goes_on_as_if_it_had_not_stopped(
    split, uninterrupted, name
):
    assert_equal_batches(
        take(split, CONFIGS[name], 2, start_step=4), uninterrupted(name)[4:]
    )


def test_a_resumed_run_may_have_another_number_of_processes(split, uninterrupted):
    parts = [
        take(split, PRETRAINING, 2, start_step=4, process_index=k, process_count=2)
        for k in range(2)
    ]
    found = [joined(step) for step in zip(*parts, strict=True)]
    assert_equal_batches(found, uninterrupted("pretraining")[4:])


@pytest.mark.training
def test_another_python_process_makes_the_same_batches(rated, uninterrupted):
    program = f"""
import hashlib, itertools
from training.examples.array_record_source import open_split
from training.examples.input_config import InputConfig
from training.examples.training_batches import training_batches
from musiq_core.config import PreprocessingConfig
batches = training_batches(
    open_split({str(rated)!r}, "train"), {PRETRAINING!r},
    batch_size=8, seed=3, start_step=4,
)
batch = next(batches)
print(hashlib.sha256(b"".join(batch[n].tobytes() for n in sorted(batch))).hexdigest())
"""
    expected = uninterrupted("pretraining")[4]
    digest = hashlib.sha256(b"".join(expected[n].tobytes() for n in sorted(expected)))
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert found.stdout.strip() == digest.hexdigest()
    assert found.stderr == ""


def test_a_program_ends_while_records_are_being_read(rated):
    """Reads are slow, so that TensorFlow is in the midst of one when Python ends."""
    program = f"""
import time
from musiq_core.config import PreprocessingConfig
from training.examples.array_record_source import Split, open_split
from training.examples.input_config import InputConfig
from training.examples.training_batches import training_batches
read = Split.read
def read_slowly(split, index):
    time.sleep(0.02)
    return read(split, index)
Split.read = read_slowly
batches = training_batches(
    open_split({str(rated)!r}, "train"), {PLAIN!r}, batch_size=8, seed=3, start_step=0
)
next(batches)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_epoch_has_every_example_once_in_another_order(split):
    indices = np.concatenate([b["indices"] for b in take(split, PLAIN, 3 * COUNT)])
    epochs = indices.reshape(-1, COUNT)
    assert len(epochs) == 24
    for epoch in epochs:
        assert sorted(epoch) == list(range(COUNT))
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 1000])
def test_the_order_is_a_permutation_for_any_number_of_examples(count):
    positions = tf.range(5 * count, 7 * count, dtype=tf.int64)
    found = example_indices(positions, 1, count).numpy().reshape(2, count)
    assert all(sorted(epoch) == list(range(count)) for epoch in found)


def test_the_order_has_no_visible_pattern():
    order = example_indices(tf.range(1000, dtype=tf.int64), 1, 1000).numpy()
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1
    assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.1


def test_another_seed_gives_another_order(split):
    a, b = take(split, PLAIN, 1)[0], take(split, PLAIN, 1, seed=4)[0]
    assert not np.array_equal(a["indices"], b["indices"])


def test_shapes_and_types_are_those_promised(split):
    for config in CONFIGS.values():
        batch = take(split, config, 1)[0]
        shapes = {name: (a.shape, a.dtype) for name, a in batch.items()}
        length = config.token_count
        assert shapes == {
            "pixels": ((8, length, 768), np.float32),
            "positions": ((8, length), np.int32),
            "scale_ids": ((8, length), np.int32),
            "mask": ((8, length), bool),
            "labels": ((8, 1), np.float32),
            "indices": ((8,), np.int32),
        }
        assert np.abs(batch["pixels"]).max() <= 1
        assert not batch["pixels"][~batch["mask"]].any()


def expected_tokens(image: bytes, config: InputConfig, *, mirrored: bool = False):
    pixels = decode_image(image).pixels
    if mirrored:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    patches = extract_patches(pixels, config.preprocessing)
    native = patches.scale_ids == len(config.preprocessing.scales)
    keep = ~native | (np.cumsum(native) <= config.max_native_tokens)
    return patches.normalized()[keep], patches.positions[keep], patches.scale_ids[keep]


def test_without_changes_a_batch_holds_the_core_s_tokens(split):
    for batch in take(split, PLAIN, 2):
        for row, index in enumerate(batch["indices"]):
            example = split.read(int(index))
            pixels, positions, scale_ids = expected_tokens(example.image, PLAIN)
            mask = batch["mask"][row]
            assert mask.sum() == len(positions)
            assert mask[: len(positions)].all()
            np.testing.assert_allclose(
                batch["pixels"][row][mask], pixels, rtol=0, atol=1e-6
            )
            assert np.array_equal(batch["positions"][row][mask], positions)
            assert np.array_equal(batch["scale_ids"][row][mask], scale_ids)
            assert batch["labels"][row] == example.label


def test_fine_tuning_mirrors_about_half_and_changes_nothing_else(split):
    mirrored = []
    for batch in take(split, FINE_TUNING, 12):
        for row, index in enumerate(batch["indices"]):
            image = split.read(int(index)).image
            found = batch["pixels"][row][batch["mask"][row]]
            fits = [
                np.allclose(
                    found, expected_tokens(image, PLAIN, mirrored=m)[0], atol=1e-6
                )
                for m in (False, True)
            ]
            assert sum(fits) == 1
            mirrored.append(fits[1])
    assert 0.3 < np.mean(mirrored) < 0.7


def test_an_example_is_changed_otherwise_in_every_epoch(split):
    batches = take(split, RANDOM_TOKENS, 9)
    seen: dict = {}
    for batch in batches:
        for row, index in enumerate(batch["indices"]):
            seen.setdefault(int(index), []).append(batch["pixels"][row].tobytes())
    assert sum(len(set(looks)) > 1 for looks in seen.values()) > COUNT / 2


def test_mixed_labels_are_those_of_pairs_and_add_up_to_one(tmp_path):
    images = [encoded(noise(40 + n, 60 - n, n)) for n in range(9)]
    examples = examples_of(images, [[float(n % 5)] for n in range(9)])
    write_shards(tmp_path, examples, label_kind="class", label_size=5)
    split = open_split(str(tmp_path), "train")
    shares = []
    for batch in take(split, PRETRAINING, 10):
        labels = batch["labels"]
        np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
        own = batch["indices"] % 5
        for row in range(8):
            partner = own[row ^ 1]
            rest = np.delete(labels[row], [own[row], partner])
            assert not rest.any()
            if own[row] != partner:
                assert labels[row, own[row]] >= 0.5
                assert labels[row, own[row]] == labels[row ^ 1, partner]
                shares.append(labels[row, own[row]])
        # Crops of one size have equally many tokens.
        assert np.array_equal(batch["mask"][::2], batch["mask"][1::2])
    assert len(set(shares)) > 10


def test_pixels_are_mixed_as_labels_are(tmp_path):
    """Images of one grey each: the mixture's grey tells the share."""
    greys = (0, 255)
    images = [encoded(np.full((50, 50, 3), grey, np.uint8)) for grey in greys]
    write_shards(tmp_path, examples_of(images, [[-1.0], [1.0]]), shard_count=1)
    split = open_split(str(tmp_path), "train")
    config = InputConfig(preprocessing=SMALL, crop_min_area=0.5, mixup_alpha=0.5)
    for batch in take(split, config, 5):
        tokens = batch["pixels"][batch["mask"]]
        labels = np.repeat(batch["labels"], batch["mask"].sum(axis=1), axis=0)
        is_padding = tokens == 0
        assert is_padding.mean() < 0.5
        np.testing.assert_allclose(tokens, np.where(is_padding, 0, labels), atol=1e-5)


def test_pairs_are_not_torn_apart(split):
    with pytest.raises(ValueError, match="whole pairs of mixed images"):
        take(split, PRETRAINING, 1, process_count=8)
    with pytest.raises(ValueError, match="whole images"):
        take(split, FINE_TUNING, 1, process_count=3)


def broken_png() -> bytes:
    data = bytearray(encoded(noise(40, 40)))
    data[60:900] = bytes(840)
    return bytes(data)


@pytest.mark.parametrize("kind", ["training", "evaluation"])
def test_a_damaged_image_is_told_by_its_name(tmp_path, kind):
    images = [encoded(noise(40, 40)), broken_png()]
    write_shards(tmp_path, examples_of(images, [[1.0], [2.0]]), shard_count=1)
    split = open_split(str(tmp_path), "train")
    if kind == "training":
        batches = training_batches(split, PLAIN, batch_size=8, seed=3, start_step=0)
    else:
        batches = evaluation_batches(split, PLAIN, batch_size=2)
    with pytest.raises(UsageError, match="'0001' in rated, train, is damaged") as error:
        next(batches)
    assert "\n" not in str(error.value)


def test_a_label_that_contradicts_the_card_is_told(tmp_path):
    images = [encoded(noise(40, 40, n)) for n in range(3)]
    write_shards(tmp_path, examples_of(images, [[1.0], [2.0, 1.0], [3.0]]))
    with pytest.raises(UsageError, match="'0001' in rated has 2 numbers"):
        take(open_split(str(tmp_path), "train"), PLAIN, 1)
