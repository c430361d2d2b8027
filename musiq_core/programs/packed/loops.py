"""Loops whose number of steps is known on the device alone."""

from collections.abc import Callable
from typing import TypeVar, cast

import jax
import numpy as np
from jaxtyping import Int32

ROW_BLOCK = 512
ROW_TAIL = 64

Carry = TypeVar("Carry")


def repeat(
    count: Int32[jax.Array | np.ndarray, ""],
    step: Callable[[jax.Array, Carry], Carry],
    carry: Carry,
) -> Carry:
    """Run `step(index, carry)` for every index below `count`, an int32 scalar."""
    return cast(Carry, jax.lax.fori_loop(0, count, step, carry))


def for_rows(
    count: Int32[jax.Array | np.ndarray, ""],
    step: Callable[[jax.Array, int, jax.Array], jax.Array],
    carry: jax.Array,
) -> jax.Array:
    """Run `step(start, size, carry)` over `count` rows: large blocks, then small ones.

    The small blocks keep the rows that are computed but not used below ROW_TAIL.

    Args:
      count: int32 scalar.
      step: `start` is an int32 scalar, `size` is ROW_BLOCK or ROW_TAIL.
      carry: Any array.
    """
    blocks = count // ROW_BLOCK
    carry = repeat(blocks, lambda i, c: step(i * ROW_BLOCK, ROW_BLOCK, c), carry)
    done = blocks * ROW_BLOCK
    tails = (count - done + ROW_TAIL - 1) // ROW_TAIL
    return repeat(tails, lambda i, c: step(i * ROW_TAIL + done, ROW_TAIL, c), carry)
