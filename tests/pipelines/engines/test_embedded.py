"""The embedded engine changes the process that starts it when told to, once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Prints what a process is like: before and after all imports, and after installation.
SCRIPT = """
import importlib, json, logging, os, pkgutil, threading, warnings
warnings.simplefilter("ignore")
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import worker_handlers
import grpc

def state():
    known = worker_handlers.WorkerHandler._registered_environments
    handler, _ = known[python_urns.SUBPROCESS_SDK]
    return {
        "handler": handler.__qualname__,
        "buffer_ms": worker_handlers.DATA_BUFFER_TIME_LIMIT_MS,
        "hook": threading.excepthook is threading.__excepthook__,
        "level": logging.getLogger("apache_beam").level,
        "filters": len(logging.getLogger().filters),
        "is_disabled": logging.root.manager.disable,
        "environment": dict(os.environ),
    }

states = [state()]
import pipelines.engines, pipelines.engines.heavy_imports
for found in pkgutil.walk_packages(pipelines.engines.__path__, "pipelines.engines."):
    importlib.import_module(found.name)
states.append(state())
from pipelines.engines.embedded.process import install
install()
states.append(state())
install()
states.append(state())
print(json.dumps(states))
"""


@pytest.fixture(scope="module")
def states():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_the_engines_changes_nothing(states):
    before, imported, _, _ = states
    assert before["handler"] == "SubprocessSdkWorkerHandler"
    assert imported == before


def test_installing_the_embedded_engine_changes_what_it_says_and_no_more(states):
    _, before, installed, again = states
    environment = before["environment"]
    assert installed == before | {
        "handler": "WatchedWorkerHandler",
        "buffer_ms": 0,
        "hook": False,
        "level": 50,
        "environment": {"MALLOC_ARENA_MAX": "1"} | environment,
    }
    assert again == installed
