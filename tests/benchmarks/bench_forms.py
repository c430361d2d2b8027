"""Model only, one thread: the packed program beside other forms of the parameters."""

import json
import subprocess
from pathlib import Path

from tests.benchmarks.forms_sizes import SIZES
from tests.benchmarks.measure import ROOT
from tests.benchmarks.table import Row

_PYTHON = ROOT / ".venv-onnx" / "bin" / "python"


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    del folder
    settings = ["--rounds", "1", "--mixed", "4"] if quick else []
    found = json.loads(
        subprocess.run(
            [_PYTHON, "-m", "tests.benchmarks.forms", *settings],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    mixed = found["mixed"]
    rows = []
    for form, name, goals in (
        ("published", "JAX as published, a program a length", ("1.6", "3.5")),
        ("per_shape", "our Linen model, a program a length", ("1.6", "3.5")),
    ):
        for state, goal in zip(("warm", "cold"), goals, strict=True):
            ratio = mixed[f"{form}_{state}"] / mixed[f"packed_{state}"]
            what = f"over {name}, {state}, {mixed['images']} mixed photos"
            rows.append((what, f"{ratio:.2f}", goal))
    for form, when in (("published", "before"), ("packed", "after")):
        share = 1 - mixed[f"{form}_warm"] / mixed[f"{form}_cold"]
        what = f"profile {when}: compiling, of a cold run of {mixed['images']} photos"
        rows.append((what, f"{share:.0%}", ""))
    difference = f"{mixed['largest_difference']:.0e}"
    rows.append(("largest difference of their scores", difference, ""))
    for name in SIZES:
        times = found[name]
        rows += [
            (f"{name}, packed, batched", f"{times['packed'] * 1e3:.0f} ms", ""),
            (f"{name}, packed, alone", f"{times['packed_alone'] * 1e3:.0f} ms", ""),
            (f"{name}, per-shape-jit JAX", f"{times['per_shape'] * 1e3:.0f} ms", ""),
            (f"{name}, ONNX Runtime", f"{times['onnx'] * 1e3:.0f} ms", ""),
            (
                f"{name}, over ONNX Runtime",
                f"{times['onnx'] / times['packed']:.2f}",
                "1.0",
            ),
            (
                f"{name}, useful GFLOP/s over GEMM rate, model only",
                f"{times['useful_over_gemm']:.0%}",
                "",
            ),
        ]
    return rows
