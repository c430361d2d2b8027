"""`musiq`, but dying or halting at a point of its run, or one of its workers dying."""

import os
import signal
import sys

from faults.kill_point import KillPoint, arm
from faults.small_files import ROWS_PER_SHARD, write_small_files
from helpers.small_slices import make_slices_small

from pipelines.engines.heavy_imports import before_heavy_imports

DYING_WORKERS = "DYING_WORKERS"
HALTING = "HALTING"


def main() -> int:
    """Run the command; with DYING_WORKERS set it is a worker that dies.

    With HALTING set the job stands still at its point until it is told to go on.
    """
    before_heavy_imports()
    from pipelines import cli

    write_small_files()
    make_slices_small()
    if os.environ.get(DYING_WORKERS):
        from pipelines.engines.embedded import runner as embedded

        embedded._WORKER_MODULE = "faults.dying_worker"
    else:
        what = signal.SIGSTOP if os.environ.get(HALTING) else signal.SIGKILL
        arm(KillPoint.from_environment(), lambda: os.killpg(0, what))
    return cli.main([*sys.argv[1:], f"--rows_per_shard={ROWS_PER_SHARD}"])


if __name__ == "__main__":
    sys.exit(main())
