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
    warm = mixed["per_shape_warm"] / mixed["packed_warm"]
    cold = mixed["per_shape_cold"] / mixed["packed_cold"]
    count = mixed["images"]
    rows = [
        (f"over per-shape-jit JAX, warm, {count} mixed photos", f"{warm:.2f}", "1.6"),
        (f"over per-shape-jit JAX, cold, {count} mixed photos", f"{cold:.2f}", "3.5"),
        (
            "largest difference of their scores",
            f"{mixed['largest_difference']:.0e}",
            "",
        ),
    ]
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
