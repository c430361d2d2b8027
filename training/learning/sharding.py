"""Where arrays lie: the one mesh, and the rules that place state and batches on it.

The mesh has two axes. Every device takes its part of a batch. The state is whole on
every device along `data`, and along `fsdp`, which has one device unless asked
otherwise, each array is cut along its longest axis that can be cut.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

AXES = ("data", "fsdp")
_SMALLEST_CUT_SIZE = 4096


def make_mesh(fsdp_devices: int = 1, devices: Sequence[Any] | None = None) -> Mesh:
    """Return the mesh of all devices of all processes.

    Args:
      fsdp_devices: Devices that share one copy of the state.
      devices: Other devices than those at hand.

    Raises:
      ValueError: If the number of devices is not a multiple of `fsdp_devices`.
    """
    devices = jax.devices() if devices is None else devices
    if fsdp_devices < 1 or len(devices) % fsdp_devices:
        raise ValueError(
            f"fsdp_devices must divide the {len(devices)} devices, got {fsdp_devices}"
        )
    shape = (len(devices) // fsdp_devices, fsdp_devices)
    return jax.make_mesh(
        shape, AXES, axis_types=(AxisType.Auto,) * len(AXES), devices=devices
    )


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Return the placement of a batch: its images over all devices."""
    return NamedSharding(mesh, P(AXES))


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the placement of what every device has whole."""
    return NamedSharding(mesh, P())


def state_shardings(shapes: Any, mesh: Mesh) -> Any:
    """Return the placement of every array of a tree of shapes."""
    return jax.tree.map(lambda x: NamedSharding(mesh, _rule(x.shape, mesh)), shapes)


def place_batch(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Return the global batch of which every process gives its own images."""
    sharding = batch_sharding(mesh)
    with jax.transfer_guard("allow"):
        return {
            name: jax.make_array_from_process_local_data(sharding, array)
            for name, array in batch.items()
        }


def place_whole(array: np.ndarray, sharding: NamedSharding) -> jax.Array:
    """Return an array that every process has whole, placed as `sharding` says."""
    return jax.make_array_from_callback(
        array.shape, sharding, lambda index: array[index]
    )


def _rule(shape: tuple[int, ...], mesh: Mesh) -> P:
    parts = mesh.shape["fsdp"]
    divisible = [axis for axis, size in enumerate(shape) if size % parts == 0]
    if parts == 1 or np.prod(shape) < _SMALLEST_CUT_SIZE or not divisible:
        return P()
    longest = max(divisible, key=lambda axis: shape[axis])
    return P(*("fsdp" if axis == longest else None for axis in range(longest + 1)))
