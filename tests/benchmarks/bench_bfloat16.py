"""How far bfloat16 products move scores: golden pictures and real photos."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from musiq_core.images.preparation import PreparationConfig, prepare
from musiq_core.programs.bucketed.scorer import BucketedScorer
from musiq_core.programs.packed.scorer import PackedScorer
from tests.benchmarks.table import Row
from tests.helpers.golden_models import (
    VARIANTS,
    golden_patches,
    image_names,
    mode_of,
    read_golden_model,
)
from tests.helpers.shared_data import SHARED


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    del folder
    rows = [golden_row(variant) for variant in VARIANTS[: 1 if quick else None]]
    return rows + photo_rows(10 if quick else 100)


def golden_row(variant: str) -> Row:
    """Return the largest move of a golden score."""
    model = read_golden_model(variant)
    exact, rounded = PackedScorer(model), BucketedScorer(model, batch_rows=256)
    moves = []
    for name in image_names():
        patches = [golden_patches(name, mode_of(variant), "fast")]
        [before], [after] = exact.score(patches), rounded.score(patches)
        moves.append(abs(after.value - before.value))
    return f"largest move of a golden score, {variant}", f"{max(moves):.4f}", ""


def photo_rows(count: int) -> list[Row]:
    """Return how real photos' scores move, over the range of their scores."""
    files = sorted((SHARED / "photos").rglob("*.jpg"))
    files = files[:: max(1, len(files) // count)][:count]
    model = read_golden_model("multi_1")
    config = PreparationConfig(
        preprocessings=(model.config.preprocessing,), max_tokens=1000
    )
    exact, rounded = PackedScorer(model), BucketedScorer(model, batch_rows=256)
    before, after = [], []
    for file in files:
        patches = [prepare(file.read_bytes(), config).patches[0]]
        before.append(exact.score(patches)[0].value)
        after.append(rounded.score(patches)[0].value)
    moves = np.abs(np.subtract(before, after)) / np.ptp(before)
    ranks = [pc.rank(values).to_numpy() for values in (before, after)]
    correlation = np.corrcoef(*ranks)[0, 1]
    what = f"{len(files)} real photos, share of the range of their scores"
    return [
        (f"largest move, {what}", f"{moves.max():.2%}", ""),
        (f"99th percentile, {what}", f"{np.percentile(moves, 99):.2%}", ""),
        ("rank correlation with float32", f"{correlation:.5f}", ""),
    ]
