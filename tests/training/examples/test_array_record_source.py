"""A split is read in any order, and what is wrong with it is told in one line."""

import threading

import numpy as np
import pytest
from helpers.make_images import encoded, noise
from helpers.training_shards import examples_of, noise_examples, write_shards

from schemas.errors import UsageError
from training.examples.array_record_source import open_split


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "rated"


def one_line(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def test_every_example_is_read_by_its_index_whatever_the_shards(folder):
    examples = noise_examples(11)
    for shard_count in (1, 3, 11):
        write_shards(folder, examples, shard_count=shard_count)
        split = open_split(str(folder), "train")
        assert split.example_count == 11
        for index in np.random.default_rng(0).permutation(11):
            assert split.read(int(index)) == examples[index]


def test_facts_are_those_of_the_examples(folder):
    examples = noise_examples(5)
    write_shards(folder, examples)
    split = open_split(str(folder), "train")
    assert split.names == tuple(e.name for e in examples)
    assert split.groups == tuple(e.group for e in examples)
    rng = np.random.default_rng(5)
    sizes = rng.integers(20, 90, (5, 2), endpoint=True)
    assert split.facts.sizes == tuple(map(tuple, sizes.tolist()))


def test_splits_are_apart(folder):
    train, test = noise_examples(5), noise_examples(3, split="test")
    write_shards(folder, [*train, *test])
    assert open_split(str(folder), "test").example_count == 3
    assert open_split(str(folder), "test").read(2) == test[2]
    assert open_split(str(folder), "train").dataset.example_count("test") == 3


def test_threads_may_read_at_once(folder):
    examples = noise_examples(40)
    write_shards(folder, examples, shard_count=3)
    split = open_split(str(folder), "train")
    wrong = []

    def read(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(0, 40, 200):
            if split.read(int(index)) != examples[index]:
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_classes_become_one_hot(folder):
    examples = examples_of([encoded(noise(4, 4))], [[2.0]])
    write_shards(folder, examples, label_kind="class", label_size=4, shard_count=1)
    split = open_split(str(folder), "train")
    label = split.label(split.read(0))
    assert label.dtype == np.float32
    assert label.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("label", [[4.0], [-1.0], [1.5], [1.0, 2.0]])
def test_a_class_that_does_not_exist_is_told(folder, label):
    examples = examples_of([encoded(noise(4, 4))], [label])
    write_shards(folder, examples, label_kind="class", label_size=4, shard_count=1)
    split = open_split(str(folder), "train")
    with pytest.raises(
        UsageError, match=r"'0000' in rated must be a class from 0 to 3"
    ):
        split.label(split.read(0))


def test_a_label_of_another_length_is_told(folder):
    examples = examples_of([encoded(noise(4, 4))], [[1.0, 2.0]])
    write_shards(folder, examples, shard_count=1)
    split = open_split(str(folder), "train")
    with pytest.raises(UsageError, match=r"'0000' in rated has 2 numbers.* says 1"):
        split.label(split.read(0))


def test_a_folder_without_a_card_is_told(folder):
    with pytest.raises(UsageError, match="musiq prepare") as error:
        open_split(str(folder), "train")
    assert str(folder) in one_line(error)


def test_a_damaged_card_is_told(folder):
    write_shards(folder, noise_examples(3))
    card = folder / "dataset.json"
    card.write_text(card.read_text()[:-20])
    with pytest.raises(UsageError, match=r"dataset\.json"):
        open_split(str(folder), "train")


def test_a_missing_split_names_those_that_there_are(folder):
    write_shards(folder, noise_examples(3))
    with pytest.raises(UsageError, match=r"'test' of rated does not exist.*is train"):
        open_split(str(folder), "test")


def test_an_empty_split_is_told(folder):
    write_shards(folder, noise_examples(3))
    card = folder / "dataset.json"
    card.write_text(card.read_text().replace('"shards": {', '"shards": {"test": [],'))
    with pytest.raises(UsageError, match="'test' of rated is empty"):
        open_split(str(folder), "test")


def test_a_missing_shard_is_told(folder):
    write_shards(folder, noise_examples(3))
    (folder / "train-1.array_record").unlink()
    with pytest.raises(UsageError, match=r"train-1\.array_record is missing") as error:
        open_split(str(folder), "train")
    one_line(error)


@pytest.mark.parametrize("damage", ["no record file", "cut short", "empty"])
def test_a_damaged_shard_is_told(folder, damage):
    write_shards(folder, noise_examples(30))
    path = folder / "train-1.array_record"
    data = path.read_bytes()
    path.write_bytes(
        {"no record file": b"?" * 200_000, "cut short": data[:-9000], "empty": b""}[
            damage
        ]
    )
    with pytest.raises(UsageError, match=r"train-1\.array_record") as error:
        open_split(str(folder), "train")
    one_line(error)


def test_a_shard_of_another_length_is_told(folder):
    write_shards(folder, noise_examples(9), shard_count=1)
    shorter = folder.parent / "shorter"
    write_shards(shorter, noise_examples(8), shard_count=1)
    (shorter / "train-0.array_record").replace(folder / "train-0.array_record")
    with pytest.raises(
        UsageError, match=r"has 8 examples, its card dataset\.json says 9"
    ):
        open_split(str(folder), "train")


def test_damage_inside_a_shard_is_told_when_it_is_read(folder):
    write_shards(folder, noise_examples(30, sides=(60, 90)), shard_count=1)
    path = folder / "train-0.array_record"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40_000] = bytes(40_000)
    path.write_bytes(data)
    split = open_split(str(folder), "train")
    with pytest.raises(UsageError, match=r"train-0\.array_record is damaged") as error:
        _ = split.names
    one_line(error)


def test_a_record_that_is_no_example_is_told(folder):
    class Other:
        split = "train"

        def to_bytes(self) -> bytes:
            return b"\x03\x00\x00\x00{}?"

    examples = [*noise_examples(3), Other()]
    write_shards(folder, examples, shard_count=1)  # pyright: ignore[reportArgumentType]
    split = open_split(str(folder), "train")
    assert split.read(2)
    with pytest.raises(
        UsageError, match=r"record 3 is not a training example"
    ) as error:
        split.read(3)
    one_line(error)


def test_an_image_without_a_header_is_told(folder):
    write_shards(folder, examples_of([b"no image"], [[1.0]]), shard_count=1)
    with pytest.raises(UsageError, match="'0000' in rated, train, is damaged"):
        _ = open_split(str(folder), "train").names
