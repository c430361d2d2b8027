"""A worker process that dies at a point of its run; only one worker of a job does."""

import os
import signal

from faults.kill_point import KillPoint, arm
from faults.small_files import write_small_files

from pipelines.engines.embedded import worker as embedded_worker
from pipelines.engines.heavy_imports import before_heavy_imports

ONCE_FILE = "DIE_ONCE_FILE"


def is_first() -> bool:
    """Whether no other worker has come to the point yet."""
    try:
        os.unlink(os.environ[ONCE_FILE])
    except FileNotFoundError:
        return False
    return True


if __name__ == "__main__":
    before_heavy_imports()
    write_small_files()
    arm(
        KillPoint.from_environment(),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        may_kill=is_first,
    )
    os._exit(embedded_worker.main())
