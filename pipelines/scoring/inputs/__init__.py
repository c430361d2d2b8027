"""List: what the user named becomes image refs, streamed in a fixed order."""

from pipelines.scoring.inputs.list_input import list_input
from pipelines.scoring.inputs.resolve_inputs import resolve_inputs

__all__ = ["list_input", "resolve_inputs"]
