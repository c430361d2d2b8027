"""List: what the user named becomes image refs, streamed in a fixed order."""

from pipelines.scoring.inputs.list_input import list_input
from pipelines.scoring.inputs.resolve_inputs import carried_fields, resolve_inputs

__all__ = ["carried_fields", "list_input", "resolve_inputs"]
