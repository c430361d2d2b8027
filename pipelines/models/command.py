"""`musiq models import` and `musiq models inspect`."""

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import rich.console
import rich.table
import rich.text

from musiq_core.model_files.model_file import (
    ModelFileError,
    read_model_file,
    write_model_file,
)
from musiq_core.model_files.published_checkpoint import (
    PUBLISHED_DATASETS,
    read_published_checkpoint,
)
from musiq_core.programs.self_test import reference_scores
from pipelines.models.config import ImportConfig, InspectConfig
from pipelines.models.read import load_model
from pipelines.storage import storage_for
from pipelines.storage.model_names import model_uri
from schemas.errors import UsageError
from schemas.model_card import ModelCardError
from schemas.text import printable

_LICENCE = (
    "Parameters published by MUSIQ's authors (google-research/musiq, Apache-2.0 code); "
    "the data set has terms of its own"
)


def import_checkpoint(config: ImportConfig) -> int:
    """Write the model file of a published checkpoint, its self-test included."""
    if config.dataset not in PUBLISHED_DATASETS:
        known = ", ".join(PUBLISHED_DATASETS)
        raise UsageError(f"unknown data set {config.dataset!r}, published are: {known}")
    dataset = PUBLISHED_DATASETS[config.dataset]
    if not config.output.endswith(".safetensors"):
        raise UsageError(f"--output {config.output} must end in .safetensors")
    with storage_for(config.file).open_read(config.file) as file:
        data = file.read()
    try:
        parameters, architecture = read_published_checkpoint(
            io.BytesIO(data), output_count=dataset.output_count
        )
        name = config.file.rpartition("/")[2]
        model_file = write_model_file(
            parameters,
            architecture,
            name=config.dataset,
            score_range=dataset.score_range,
            higher_is_better=True,
            training_data=f"{dataset.title}, fine-tuned by MUSIQ's authors",
            licence=_LICENCE,
            source=f"{name}, SHA-256 {hashlib.sha256(data).hexdigest()}",
            self_test=reference_scores(parameters, architecture),
        )
    except (ModelFileError, ModelCardError) as error:
        raise UsageError(f"{config.file}: {error}") from error
    storage_for(config.output).write(config.output, model_file)
    digest = read_model_file(model_file).digest
    print(f"wrote {printable(config.output)}: model {config.dataset}, digest {digest}")
    return 0


def inspect(config: InspectConfig) -> int:
    """Verify a model file and print what it says of itself."""
    uri = model_uri(config.file)
    model = load_model(uri)
    facts = {
        "uri": uri,
        "digest": model.digest,
        "parameters": sum(array.size for array in model.parameters.values()),
        **dataclasses.asdict(model.card),
    }
    if config.json:
        print(json.dumps(facts))
        return 0
    facts["self_test"] = _summary_of(model.card.self_test)
    title = rich.text.Text(printable(config.file))
    table = rich.table.Table(title=title, show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), rich.text.Text(_readable(value)))
    rich.console.Console().print(table)
    return 0


def _summary_of(self_test: dict[str, float]) -> str:
    if not self_test:
        return "no self-test"
    low, high = min(self_test.values()), max(self_test.values())
    return f"{len(self_test)} pictures with scores of {low:.4g} to {high:.4g}"


def _readable(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(map(printable, _lines_of(value))) or "-"
    if isinstance(value, tuple):
        return " to ".join(printable(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else printable(value)


def _lines_of(values: dict[str, Any]) -> Iterator[str]:
    """One line a value; a dict of dicts, such as an evaluation, is set in."""
    for name, value in values.items():
        title = name.replace("_", " ")
        if isinstance(value, dict):
            yield f"{title}:"
            yield from (f"  {line}" for line in _lines_of(value))
        elif isinstance(value, float):
            yield f"{title}: {value:.4g}"
        else:
            yield f"{title}: {value}"
