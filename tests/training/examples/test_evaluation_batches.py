"""Every example once, whole, whatever the number of processes."""

import numpy as np
import pytest
from helpers.training_shards import noise_examples, write_shards

from musiq_core.config import PreprocessingConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.patches import extract_patches
from training.examples.array_record_source import open_split
from training.examples.evaluation_batches import evaluation_batches
from training.examples.input_config import InputConfig

SMALL = PreprocessingConfig(scales=(32,), patch_size=16)
CONFIG = InputConfig(preprocessing=SMALL, max_native_tokens=8)


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rated")
    examples = noise_examples(23)
    write_shards(folder, [*examples, *noise_examples(13, split="test")], shard_count=3)
    return folder


@pytest.fixture(scope="module")
def split(rated):
    return open_split(str(rated), "train")


def evaluated(split, processes: int, config=CONFIG, **options):
    options = {"batch_size": 4} | options
    return [
        list(
            evaluation_batches(
                split, config, process_index=k, process_count=processes, **options
            )
        )
        for k in range(processes)
    ]


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("name", ["train", "test"])
def test_evaluation_has_every_example_once_whole(rated, name, processes):
    split = open_split(str(rated), name)
    found = []
    for batches in evaluated(split, processes):
        for batch in batches:
            for row in np.flatnonzero(batch["example_mask"]):
                index = int(batch["indices"][row])
                found.append(index)
                example = split.read(index)
                patches = extract_patches(decode_image(example.image).pixels, SMALL)
                mask = batch["mask"][row]
                assert mask.sum() == patches.token_count
                np.testing.assert_allclose(
                    batch["pixels"][row][mask], patches.normalized(), rtol=0, atol=1e-6
                )
                assert np.array_equal(batch["positions"][row][mask], patches.positions)
                assert batch["labels"][row] == example.label
    assert sorted(found) == list(range(split.example_count))


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_all_processes_evaluate_equally_many_batches_of_equal_shapes(split, processes):
    shapes = [
        [{name: a.shape for name, a in batch.items()} for batch in batches]
        for batches in evaluated(split, processes)
    ]
    assert all(other == shapes[0] for other in shapes)
    assert shapes[0][0]["indices"] == (4 // processes,)


def test_padding_examples_are_empty_and_marked(split):
    last = evaluated(split, 1)[0][-1]
    assert last["example_mask"].tolist() == [True, True, True, False]
    assert last["indices"][3] == -1
    assert not last["mask"][3].any()
    assert not last["pixels"][3].any()


def test_evaluation_may_cap_native_tokens(split):
    config = InputConfig(preprocessing=SMALL, evaluation_max_native_tokens=6)
    for batch in evaluated(split, 1, config)[0]:
        native = (batch["scale_ids"] == 1) & batch["mask"]
        assert native.sum(axis=1).max() == 6
