"""Checkpoints of the training state: written beside the training, read on any topology.

Only training reads these. The pipeline takes model files, which `musiq-train publish`
makes of a checkpoint.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from flax.traverse_util import flatten_dict

from schemas.errors import UsageError

_FOLDER = "checkpoints"
_ITEM = "state"


class Checkpoints:
    """The checkpoints of one run; all processes call every method together.

    A checkpoint that a killed process left unfinished is never read, and removed when
    the run starts again.
    """

    def __init__(self, output: str, *, kept: int = 2):
        """Open the folder `checkpoints` of a run's output.

        Args:
          output: The run's folder, local or gs://.
          kept: How many of the newest checkpoints stay.
        """
        self._manager = ocp.CheckpointManager(
            _folder_of(output),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=kept, cleanup_tmp_directories=True
            ),
            item_names=(_ITEM,),
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()

    @property
    def newest_step(self) -> int | None:
        """The step of the newest whole checkpoint, None if there is none."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        """Begin to write a checkpoint; the state may change when this returns.

        Args:
          step: Its name; one that exists is left as it is.
          state: A dataclass of trees of arrays; fields that are None are left out.

        Raises:
          Exception: What went wrong while an earlier one was written.
        """
        self._manager.check_for_errors()
        if step == self.newest_step:
            return
        saved = ocp.args.StandardSave(_present(state))
        with jax.transfer_guard("allow"):
            args = ocp.args.Composite(**{_ITEM: saved})
            self._manager.save(step, args=args, force=True)

    def restore(self, step: int, target: Any) -> Any:
        """Read a checkpoint.

        Args:
          step: One that exists.
          target: The state as shapes with the shardings to restore to, whatever they
            were when it was written.
        """
        restored = ocp.args.StandardRestore(_present(target))
        args = ocp.args.Composite(**{_ITEM: restored})
        fields = self._manager.restore(step, args=args)[_ITEM]
        return dataclasses.replace(target, **fields)

    def wait(self) -> None:
        """Wait until everything is written.

        Raises:
          Exception: What went wrong while writing.
        """
        self._manager.wait_until_finished()
        self._manager.check_for_errors()


def has_checkpoint(output: str) -> bool:
    """Whether a run's folder has a whole checkpoint to go on from."""
    return bool(_steps_in(_folder_of(output)))


def checkpoint_step(output: str, step: int | None = None) -> int:
    """Return the step of a checkpoint that is there: the newest, or just `step`.

    Raises:
      UsageError: If there is no such checkpoint.
    """
    steps = _steps_in(_folder_of(output))
    if not steps:
        raise UsageError(f"{output} has no checkpoints: is it the output of a run?")
    if step is not None and step not in steps:
        there = ", ".join(map(str, sorted(steps)))
        raise UsageError(
            f"{output} has no checkpoint of step {step}; there are {there}"
        )
    return max(steps) if step is None else step


def restore_parameters(output: str, step: int | None = None) -> dict[str, np.ndarray]:
    """Read the parameters of a run, however many devices it ran on.

    Args:
      output: The run's folder.
      step: Which checkpoint; the newest by default.

    Returns:
      Arrays by full name, joined by "/": the moving average if the run kept one.

    Raises:
      UsageError: If there is no such checkpoint.
    """
    folder = _folder_of(output) / str(checkpoint_step(output, step)) / _ITEM
    reader = ocp.PyTreeCheckpointHandler()
    tree: Any = reader.metadata(folder).tree
    name = "ema" if "ema" in tree else "params"
    leaves = jax.tree.map(lambda _: 0, tree[name])
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), leaves)
    wanted = ocp.args.PyTreeRestore(
        item={name: leaves}, restore_args={name: as_numpy}, partial_restore=True
    )
    flat: dict[str, Any] = flatten_dict(
        reader.restore(folder, args=wanted)[name], sep="/"
    )
    return flat


def _steps_in(folder: epath.Path) -> list[int]:
    return ocp.utils.checkpoint_steps(folder) if folder.is_dir() else []


def _folder_of(output: str) -> epath.Path:
    """Return the folder of a run's checkpoints; Orbax wants local ones absolute."""
    folder = epath.Path(output) / _FOLDER
    return folder if "://" in output else folder.absolute()


def _present(state: Any) -> dict[str, Any]:
    """Return the fields of a state that are there."""
    return {name: value for name, value in vars(state).items() if value is not None}
