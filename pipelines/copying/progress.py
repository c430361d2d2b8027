"""How many units of a copy are done, seen from its report alone."""

from collections.abc import Callable

from pipelines.copying.config import CopyingConfig
from pipelines.copying.planning.plan import CopyPlan
from pipelines.copying.planning.targets import folder_of_plan
from pipelines.progress import Progress, Wording
from pipelines.storage import StorageError, storage_for

WORDING = Wording(first="planning", unit="units of work", finished="copied")


def unit_counter(plan: CopyPlan, config: CopyingConfig) -> Callable[[], Progress]:
    """Return a function that counts the units reported since now."""
    folder = folder_of_plan(config.target, plan.id, "report") + "/"
    before = _generations(folder)

    def count() -> Progress:
        done = _generations(folder).items() - before.items()
        return Progress(total=plan.units, done=len(done))

    return count


def _generations(folder: str) -> dict[str, str]:
    """Return the version of every part of a report; nothing if it cannot be listed."""
    try:
        return {one.uri: one.generation for one in storage_for(folder).list(folder)}
    except StorageError:
        return {}
