"""How much the fault suite does, and from which seeds.

`FAULTS=quick` selects what ends within minutes. Every test's name holds its seed or
its kill point, so a failed one can be repeated alone: `FAULT_SEED=17 pytest -m faults
-k seed-17`.
"""

import os
from collections.abc import Sequence
from typing import Any

import pytest

IS_QUICK = os.environ.get("FAULTS") == "quick"
_FIRST_SEED = int(os.environ.get("FAULT_SEED", "0"))


def seeds(*, full: int, quick: int) -> list[Any]:
    """Parameters of a test: so many seeds, named."""
    count = quick if IS_QUICK else full
    return [
        pytest.param(seed, id=f"seed-{seed}")
        for seed in range(_FIRST_SEED, _FIRST_SEED + count)
    ]


def points(every: Sequence[Any], *, quick: Sequence[Any]) -> list[Any]:
    """Parameters of a test: all points, or only those of the quick suite, named."""
    assert set(quick) <= set(every)
    chosen = quick if IS_QUICK else every
    return [pytest.param(point, id=str(point).replace(" ", "-")) for point in chosen]
