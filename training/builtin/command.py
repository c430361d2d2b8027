"""`musiq-train builtin`: makes the model that comes with the package.

First photos that are degraded by a known amount, then what people thought of photos,
with degraded ones mixed in so that their order survives, more of them at the end. A run
that was stopped goes on where it was; its figures and its model file come last.
"""

import concurrent.futures
import functools
import multiprocessing
import sys
from pathlib import Path

import numpy as np

from training.builtin.batches import training_batches
from training.builtin.builtin_card import make_builtin_model
from training.builtin.photo_sets import PhotoSets, choose_photos
from training.builtin.request import BuiltinRequest
from training.builtin.stages import STAGES, Stage
from training.learning.loop import train
from training.running.checkpoints import restore_parameters

_CONTEXT = multiprocessing.get_context("spawn")


def run(request: BuiltinRequest) -> int:
    """Train, evaluate and write the built-in model; return the exit code."""
    collected, labelled = Path(request.photos), Path(request.labelled)
    output = Path(request.output)
    with concurrent.futures.ProcessPoolExecutor(request.processes, _CONTEXT) as pool:
        photos = choose_photos(collected, labelled, output, pool)
    parameters: dict[str, np.ndarray] | None = None
    for stage in STAGES:
        parameters = train_stage(stage, photos, parameters, output, request.processes)
    assert parameters is not None
    with concurrent.futures.ProcessPoolExecutor(request.processes, _CONTEXT) as pool:
        data = make_builtin_model(parameters, photos, collected, labelled, pool)
    file = output / "builtin.safetensors"
    file.write_bytes(data)
    print(f"wrote {file}: {len(data)} bytes")
    return 0


def train_stage(
    stage: Stage,
    photos: PhotoSets,
    initial: dict[str, np.ndarray] | None,
    output: Path,
    processes: int,
) -> dict[str, np.ndarray]:
    """Train one stage, or go on with it, and return its averaged parameters."""
    folder = str(output / stage.name)
    print(f"stage {stage.name}: {stage.step_count} steps", file=sys.stderr)
    with concurrent.futures.ProcessPoolExecutor(processes, _CONTEXT) as pool:
        train(
            stage.task,
            stage.optimizer,
            functools.partial(training_batches, photos, stage.batches, pool),
            stage.loop,
            folder,
            initial=initial,
        )
        pool.shutdown(cancel_futures=True)
    return restore_parameters(folder)
