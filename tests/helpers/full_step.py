"""The full pretraining step for 64 virtual devices: partitioned and compiled, not run.

    python -m helpers.full_step FSDP_DEVICES

prints what the program of one device holds and sends, as JSON.
"""

import json
import math
import re
import sys

import jax
import numpy as np

from musiq_core.config import published_config
from training.experiments import load_experiment
from training.learning.compiled_steps import CompiledSteps
from training.learning.sharding import make_mesh
from training.learning.task import ScoreTask
from training.learning.train_state import start_state

DEVICES = 64
_COLLECTIVES = ("all-gather", "all-reduce", "all-to-all", "reduce-scatter")


def main(fsdp_devices: int) -> None:
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", DEVICES)
    experiment = load_experiment("imagenet")
    assert experiment.model == published_config(output_count=1000)
    task = ScoreTask(model=experiment.model, loss_name=experiment.loss)
    optimizer = experiment.optimizer.build(experiment.step_count(1_281_167))
    state = jax.eval_shape(
        lambda key: start_state(task.init(key), optimizer, keep_ema=False),
        jax.random.key(0),
    )
    batch = _batch_shapes(experiment.batch_size, experiment.input.token_count)
    steps = CompiledSteps(
        task, optimizer, ema_decay=None, mesh=make_mesh(fsdp_devices), state=state
    )
    program = steps.compile(state, batch)
    here = jax.tree.map(
        lambda x, s: math.prod(s.shard_shape(x.shape)) * x.dtype.itemsize,
        state,
        program.output_shardings[0],
    )
    text = program.as_text()
    assert text is not None
    leaves = jax.tree.leaves
    facts = {
        "parameters": sum(x.size for x in leaves(state.params)),
        "parameter_shapes": sorted({x.shape for x in leaves(state.params)}),
        "state_bytes": sum(x.size * x.dtype.itemsize for x in leaves(state)),
        "state_bytes_here": sum(leaves(here)),
        "images_bytes": sum(
            x.size * x.dtype.itemsize for n, x in batch.items() if n != "indices"
        ),
        "argument_bytes_here": program.memory_analysis().argument_size_in_bytes,
        "sent": {kind: sent_shapes(text, kind) for kind in _COLLECTIVES},
    }
    print(json.dumps(facts))


def _batch_shapes(images: int, tokens: int) -> dict[str, jax.ShapeDtypeStruct]:
    shapes = {
        "pixels": ((tokens, 32 * 32 * 3), np.float32),
        "positions": ((tokens,), np.int32),
        "scale_ids": ((tokens,), np.int32),
        "mask": ((tokens,), np.bool_),
        "labels": ((1000,), np.float32),
        "indices": ((), np.int32),
    }
    return {
        name: jax.ShapeDtypeStruct((images, *shape), dtype)
        for name, (shape, dtype) in shapes.items()
    }


def sent_shapes(text: str, kind: str) -> list[list[int]]:
    """The shapes that collective operations of a kind give, each once."""
    found = set()
    for result in re.findall(rf"^.* = (.*?) {kind}(?:-start)?\(", text, re.MULTILINE):
        for shape in re.findall(r"\w+\[([0-9,]*)\]", result):
            found.add(tuple(int(size) for size in shape.split(",") if size))
    return sorted(map(list, found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
