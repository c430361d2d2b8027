"""`musiq`, but dying at a point of its run, or having one of its workers die there."""

import os
import signal
import sys

from faults.kill_point import KillPoint, arm
from faults.small_files import ROWS_PER_SHARD, write_small_files

from pipelines.engines.heavy_imports import before_heavy_imports

DYING_WORKERS = "DYING_WORKERS"


def main() -> int:
    """Run the command; with DYING_WORKERS set it is a worker that dies."""
    before_heavy_imports()
    from pipelines import cli

    write_small_files()
    if os.environ.get(DYING_WORKERS):
        from pipelines.engines.embedded import runner as embedded

        embedded._WORKER_MODULE = "faults.dying_worker"
    else:
        arm(KillPoint.from_environment(), lambda: os.killpg(0, signal.SIGKILL))
    return cli.main([*sys.argv[1:], f"--rows_per_shard={ROWS_PER_SHARD}"])


if __name__ == "__main__":
    sys.exit(main())
