"""A pod on this machine: processes with virtual devices that train together."""

import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
_TIMEOUT_SECONDS = 900


@dataclasses.dataclass(frozen=True)
class Pod:
    processes: list[subprocess.Popen]
    output: pathlib.Path

    def wait(self) -> list[int]:
        """The exit codes, once all have ended."""
        return [p.wait(_TIMEOUT_SECONDS) for p in self.processes]

    def wait_for_step(self, step: int) -> None:
        """Wait until process 0 has logged a step."""
        limit = time.monotonic() + _TIMEOUT_SECONDS
        while step not in trace(self.output):
            assert time.monotonic() < limit, self.errors()
            assert self.processes[0].poll() is None, self.errors()
            time.sleep(0.05)

    def errors(self) -> str:
        """What all processes wrote to stderr."""
        logs = sorted(self.output.parent.glob(f"{self.output.name}-*.err"))
        return "\n".join(log.read_text() for log in logs)

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def start_pod(
    output: pathlib.Path,
    *,
    processes: int = 1,
    devices: int = 8,
    task: str = "two layers",
    heartbeat_timeout_seconds: int = 100,
    pause_seconds: float = 0.0,
    hang: dict[int, int] | None = None,
    **run,
) -> Pod:
    """Start to train a tiny model on `processes` x `devices` devices.

    `hang` maps a process to the step at whose data it hangs.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    started = []
    for index in range(processes):
        joining = {
            "coordinator_address": address,
            "process_count": processes,
            "process_index": index,
            "heartbeat_timeout_seconds": heartbeat_timeout_seconds,
        }
        options = {
            "run": {"step_count": 12, "log_every_steps": 1} | run,
            "processes": joining if processes > 1 else {},
            "devices": devices,
            "task": task,
            "output": str(output),
            "pause_seconds": pause_seconds,
            "hang": hang or {},
        }
        with (output.parent / f"{output.name}-{index}.err").open("a") as errors:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "helpers.pod_process", json.dumps(options)],
                    env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
                    stderr=errors,
                )
            )
    return Pod(started, output)


def trace(output: pathlib.Path) -> dict[int, float]:
    """The loss by step."""
    file = output / "metrics.jsonl"
    if not file.exists():
        return {}
    # The last line may be about to be written.
    lines = [json.loads(t) for t in file.read_text().split("\n")[:-1]]
    assert len({line["step"] for line in lines}) == len(lines)
    return {line["step"]: line["loss"] for line in lines}


def indices(output: pathlib.Path) -> dict[int, list[int]]:
    """The indices of every step's batch, the processes' parts in order."""
    files = sorted(output.glob("indices-*.jsonl"))
    by_step: dict[int, dict[int, list[int]]] = {}
    for number, file in enumerate(files):
        for line in file.read_text().splitlines():
            step, found = json.loads(line)
            by_step.setdefault(step, {})[number] = found
    return {
        step: [index for part in parts.values() for index in part]
        for step, parts in by_step.items()
    }
