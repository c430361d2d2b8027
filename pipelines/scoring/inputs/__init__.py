"""List: what the user named becomes image refs, streamed in a fixed order."""

from pipelines.scoring.inputs.input import Input, InputError, InputKind
from pipelines.scoring.inputs.list_input import list_input
from pipelines.scoring.inputs.list_shard import list_shard
from pipelines.scoring.inputs.resolve_inputs import carried_fields, resolve_inputs
from pipelines.scoring.inputs.shard import Shard

__all__ = [
    "Input",
    "InputError",
    "InputKind",
    "Shard",
    "carried_fields",
    "list_input",
    "list_shard",
    "resolve_inputs",
]
