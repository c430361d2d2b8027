"""Ranks and dtypes never change silently in musiq_core's computations.

Training's tests are not held to it: much of what they run is Optax's and Flax's.
"""

import jax
import pytest


@pytest.fixture(autouse=True)
def no_silent_promotion():
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield
