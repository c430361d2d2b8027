"""One process of a pod on this machine; `helpers.pod` starts it.

The JSON argument has `run` (LoopConfig), `processes` (ProcessesConfig), `devices` of
this process, `task`, `output`, `pause_seconds` before every batch and, by process, the
step at whose data it should `hang`.
"""

import json
import os
import pathlib
import sys
import time

import jax
from helpers import tiny_training

from training.errors import ProcessLost
from training.learning.loop import train
from training.learning.loop_config import LoopConfig
from training.running.processes import join_processes
from training.running.processes_config import ProcessesConfig


def main(argument: str) -> int:
    options = json.loads(argument)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", options["devices"])
    join_processes(ProcessesConfig(**options["processes"]))
    config = LoopConfig(**options["run"])
    seen = pathlib.Path(options["output"], f"indices-{jax.process_index()}.jsonl")
    seen.parent.mkdir(exist_ok=True)

    def batches(start_step: int):
        source = tiny_training.batches(
            start_step,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        with seen.open("a") as file:
            for step, batch in enumerate(source, start=start_step):
                if step == options["hang"].get(str(jax.process_index())):
                    time.sleep(3600)
                file.write(json.dumps([step, batch["indices"].tolist()]) + "\n")
                file.flush()
                time.sleep(options["pause_seconds"])
                yield batch

    optimizer = tiny_training.OPTIMIZER.build(config.step_count)
    try:
        task = tiny_training.TASKS[options["task"]]
        train(task, optimizer, batches, config, options["output"])
    except ProcessLost as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
