"""Evaluation's batches: few lengths, little padding, bounded memory."""

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musiq_core.config import PreprocessingConfig
from musiq_core.images.patches import count_tokens
from schemas.errors import UsageError
from training.examples.evaluation_plan import padded_length, plan_evaluation
from training.examples.input_config import InputConfig

CONFIG = InputConfig()
SIDES = st.tuples(st.integers(16, 6000), st.integers(16, 6000))


def split_of(sizes):
    """What the plan needs of a split."""
    names = tuple(map(str, range(len(sizes))))
    facts = types.SimpleNamespace(sizes=tuple(sizes))
    dataset = types.SimpleNamespace(name="rated")
    return types.SimpleNamespace(names=names, facts=facts, dataset=dataset)


def plan(sizes, batch_size=8, process_count=1, device_count=None, config=CONFIG):
    return plan_evaluation(
        split_of(sizes),
        config,
        batch_size=batch_size,
        process_count=process_count,
        device_count=device_count,
    )


@given(st.lists(SIDES, min_size=1, max_size=40), st.sampled_from([1, 2, 4]))
def test_every_example_is_planned_once_and_fits(sizes, processes):
    planned = []
    for batch in plan(sizes, process_count=processes, device_count=2):
        assert len(batch.indices) == processes
        assert batch.images_per_process % 2 == 0
        for indices in batch.indices:
            assert len(indices) <= batch.images_per_process
            for index in indices:
                assert count_tokens(*sizes[index], CONFIG.preprocessing) <= batch.length
        planned += [index for indices in batch.indices for index in indices]
    assert sorted(planned) == list(range(len(sizes)))


@given(st.integers(1, 60000))
def test_padding_is_less_than_a_quarter(count):
    assert count <= padded_length(count) < 1.25 * count + 1


def test_there_are_few_lengths():
    assert len({padded_length(count) for count in range(256, 4097)}) <= 17


def test_only_the_last_batch_has_padding_examples():
    batches = plan([(40, 40)] * 21, batch_size=8, process_count=2)
    filled = [[len(indices) for indices in batch.indices] for batch in batches]
    assert filled == [[4, 4], [4, 4], [4, 1]]


def test_long_images_come_first_and_in_smaller_batches():
    sizes = [(500, 700)] * 8 + [(3000, 4000)] * 2
    batches = plan(sizes, batch_size=8, device_count=1)
    assert batches[0].images_per_process == 1
    assert batches[0].indices == ((8,),)
    assert batches[1].indices == ((9,),)
    assert batches[2].images_per_process == 8
    # One image a device is the least.
    assert plan(sizes, batch_size=8, device_count=4)[0].images_per_process == 4


def test_memory_of_a_device_is_bounded():
    sizes = [(side, side) for side in range(200, 5000, 300)]
    for batch in plan(sizes, batch_size=64, device_count=2):
        images = batch.images_per_process / 2
        assert images == 1 or images * batch.length**2 <= 1 << 25


def test_without_a_number_of_devices_all_batches_are_alike():
    batches = plan([(3000, 4000), (40, 40)], batch_size=4, process_count=2)
    assert {batch.images_per_process for batch in batches} == {2}


def test_a_cap_limits_the_length():
    config = InputConfig(
        preprocessing=PreprocessingConfig(scales=()), evaluation_max_native_tokens=10
    )
    assert plan([(3000, 4000)], config=config)[0].length == 10


@pytest.mark.parametrize(("processes", "devices"), [(3, None), (2, 3)])
def test_a_batch_that_cannot_be_shared_is_refused(processes, devices):
    with pytest.raises(ValueError, match="batch_size 8 must be a multiple"):
        plan([(40, 40)], process_count=processes, device_count=devices)


def test_an_image_that_is_too_thin_is_told_by_its_name():
    with pytest.raises(UsageError, match=r"'1' in rated cannot be scored.*too thin"):
        plan([(40, 40), (1, 2000)])
