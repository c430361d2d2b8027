"""Runs the `musiq-train` command, alone or as the processes of a pod."""

import contextlib
import io
import os
import socket
import subprocess
import sys

from helpers.run_musiq import ROOT, Outcome

from training.cli import main

_TIMEOUT_SECONDS = 600


def run_training_here(*arguments: object) -> Outcome:
    """Run the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def run_training(
    *arguments: object, processes: int = 1, devices: int = 1
) -> list[Outcome]:
    """Run the command in `processes` processes with `devices` devices each."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    together = {"MUSIQ_COORDINATOR": address, "MUSIQ_PROCESS_COUNT": str(processes)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "training.cli", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "JAX_PLATFORMS": "cpu",
                "JAX_NUM_CPU_DEVICES": str(devices),
            }
            | (together | {"MUSIQ_PROCESS_INDEX": str(index)} if processes > 1 else {}),
        )
        for index in range(processes)
    ]
    outcomes = []
    try:
        for process in started:
            out, err = process.communicate(timeout=_TIMEOUT_SECONDS)
            outcomes.append(Outcome(process.returncode, out, err))
    finally:
        for process in started:
            process.kill()
            process.wait()
    return outcomes
