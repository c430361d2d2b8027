"""`musiq models import` and `musiq models inspect`."""

import argparse
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
from pipelines.models.read import load_model
from pipelines.storage import StorageError, storage_for
from pipelines.storage.model_names import model_uri
from schemas.errors import UsageError
from schemas.failures import ImageFailure
from schemas.model_card import ModelCardError
from schemas.programs import printable, refuse_unknown

_LICENCE = (
    "Parameters published by MUSIQ's authors (google-research/musiq, Apache-2.0 code); "
    "the data set has terms of its own"
)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Run the chosen action and return the exit code."""
    refuse_unknown(f"musiq models {args.action}", rest, args.flags)
    try:
        return import_checkpoint(args) if args.action == "import" else inspect(args)
    except (StorageError, ImageFailure) as error:
        raise UsageError(str(error)) from error


def import_checkpoint(args: argparse.Namespace) -> int:
    """Write the model file of a published checkpoint, its self-test included."""
    if args.dataset not in PUBLISHED_DATASETS:
        known = ", ".join(PUBLISHED_DATASETS)
        raise UsageError(f"unknown data set {args.dataset!r}, published are: {known}")
    dataset = PUBLISHED_DATASETS[args.dataset]
    if not args.output.endswith(".safetensors"):
        raise UsageError(f"--output {args.output} must end in .safetensors")
    with storage_for(args.file).open_read(args.file) as file:
        data = file.read()
    try:
        parameters, config = read_published_checkpoint(
            io.BytesIO(data), output_count=dataset.output_count
        )
        name = args.file.rpartition("/")[2]
        model_file = write_model_file(
            parameters,
            config,
            name=args.dataset,
            score_range=dataset.score_range,
            higher_is_better=True,
            training_data=f"{dataset.title}, fine-tuned by MUSIQ's authors",
            licence=_LICENCE,
            source=f"{name}, SHA-256 {hashlib.sha256(data).hexdigest()}",
            self_test=reference_scores(parameters, config),
        )
    except (ModelFileError, ModelCardError) as error:
        raise UsageError(f"{args.file}: {error}") from error
    storage_for(args.output).write(args.output, model_file)
    digest = read_model_file(model_file).digest
    print(f"wrote {printable(args.output)}: model {args.dataset}, digest {digest}")
    return 0


def inspect(args: argparse.Namespace) -> int:
    """Verify a model file and print what it says of itself."""
    uri = model_uri(args.file)
    model = load_model(uri)
    facts = {
        "uri": uri,
        "digest": model.digest,
        "parameters": sum(array.size for array in model.parameters.values()),
        **dataclasses.asdict(model.card),
    }
    if args.json:
        print(json.dumps(facts))
        return 0
    facts["self_test"] = _summary_of(model.card.self_test)
    title = rich.text.Text(printable(args.file))
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
