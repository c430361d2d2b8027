import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.full_step import DEVICES, sent_shapes
from helpers.pod import ROOT
from jax.sharding import AbstractMesh, NamedSharding
from jax.sharding import PartitionSpec as P

from training.learning.sharding import AXES, make_mesh, place_batch, state_shardings

SHAPES = {
    "large": jax.ShapeDtypeStruct((96, 384), jnp.float32),
    "odd": jax.ShapeDtypeStruct((9999, 3), jnp.float32),
    "small": jax.ShapeDtypeStruct((4,), jnp.float32),
    "step": jax.ShapeDtypeStruct((), jnp.int32),
}


def specs(data: int, fsdp: int) -> dict[str, P]:
    placed = state_shardings(SHAPES, AbstractMesh((data, fsdp), AXES))
    assert all(isinstance(sharding, NamedSharding) for sharding in placed.values())
    return {name: sharding.spec for name, sharding in placed.items()}


def test_every_device_has_the_whole_state_unless_asked_otherwise():
    assert set(specs(8, 1).values()) == {P()}


def test_fsdp_cuts_the_longest_axis_of_what_is_large_and_can_be_cut():
    expected = {"large": P(None, "fsdp"), "odd": P(), "small": P(), "step": P()}
    assert specs(2, 4) == expected


def test_a_batch_arrives_as_it_is():
    images = np.arange(12.0).reshape(4, 3)
    with jax.transfer_guard("disallow"):
        placed = place_batch({"pixels": images}, make_mesh())
    np.testing.assert_array_equal(placed["pixels"], images)


def test_devices_that_cannot_be_divided_are_refused():
    count = jax.device_count() + 1
    with pytest.raises(ValueError, match=f"fsdp_devices must divide .* got {count}"):
        make_mesh(count)


def test_collective_operations_are_found_in_a_program():
    text = """
  %a = f32[64,8]{1,0} all-gather(f32[8,8]{1,0} %x), dimensions={0}
  %b = (f32[3]{0}, /*index=1*/s32[]) all-reduce-start(f32[3]{0} %y, s32[] %z)
  %c = f32[5]{0} add(f32[5]{0} %all-gather, f32[5]{0} %d)
"""
    assert sent_shapes(text, "all-gather") == [[64, 8]]
    assert sent_shapes(text, "all-reduce") == [[], [3]]


@pytest.mark.training
@pytest.mark.parametrize("fsdp_devices", [1, 8])
def test_the_full_pretraining_step_divides_among_64_devices(fsdp_devices):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.full_step", str(fsdp_devices)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["parameters"] == 27_510_440
    share = facts["state_bytes_here"] * fsdp_devices / facts["state_bytes"]
    assert 1 <= share < 1.05
    images_here = facts["images_bytes"] / DEVICES
    expected = images_here + facts["state_bytes_here"]
    assert facts["argument_bytes_here"] == pytest.approx(expected, rel=1e-3)

    # No device ever sees the images of others: parameters alone are gathered.
    sent = facts["sent"]
    gathered = sent["all-gather"]
    assert bool(gathered) == (fsdp_devices > 1)
    assert all(shape in facts["parameter_shapes"] for shape in gathered)
    assert not any(4096 in shape for shapes in sent.values() for shape in shapes)
    assert not sent["all-to-all"]
    assert sent["all-reduce"] or sent["reduce-scatter"]
