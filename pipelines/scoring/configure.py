"""From what was asked of `musiq score` to a run that can start."""

import dataclasses
import datetime
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.engines.engine import JobFacts
from pipelines.ledger.states import newest_state, require_no_other_folder
from pipelines.models.read import load_model
from pipelines.scoring.allowed_buckets import buckets_of
from pipelines.scoring.asked import asked_of
from pipelines.scoring.choosing.subset import require_own_ledger
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.input import MANIFESTS, Input, InputKind
from pipelines.scoring.inputs import resolve_inputs
from pipelines.scoring.planning.limits import with_remembered
from pipelines.scoring.planning.previous_state import PreviousState
from pipelines.scoring.run import MEASURE, Run, ScoringModel
from pipelines.scoring.writing.journal import drop_journal
from pipelines.storage import join, resolve, storage_for
from pipelines.storage.model_names import BUILT_IN, model_uri
from schemas.errors import UsageError
from schemas.ledger import LedgerModel
from schemas.manifest import Manifest
from schemas.model_card import require_model_name


def job_facts(config: ScoringConfig) -> JobFacts:
    """Return what the job's engine must know of it before anything is read.

    Raises:
      NameRefused: If no store can hold a name.
      UsageError: If what lists may name is no bucket.
    """
    models = [_name_and_file(argument)[1] for argument in config.model]
    named = [config.output, *config.input, *(m for m in models if m != BUILT_IN)]
    uris = [resolve(one, base=None) for one in named]
    uris += [_bucket(argument) for argument in config.allow_bucket]
    return JobFacts(
        pipeline="musiq-score", output=uris[0], uris=tuple(uris), device=config.device
    )


def start_run(
    config: ScoringConfig,
    *,
    engine: Mapping[str, Any] | None = None,
    progress_folder: str | None = None,
) -> Run:
    """Check everything that can be checked before the job starts.

    Args:
      config: What was asked.
      engine: Options of the engine, by name, for the run's record.
      progress_folder: Local folder for live counts.

    Raises:
      MusiqError: Naming what is wrong and what would help.
    """
    started_at = datetime.datetime.now(datetime.UTC)
    try:
        output = resolve(config.output, base=None)
        buckets = [_bucket(argument) for argument in config.allow_bucket]
        inputs = resolve_inputs(
            config.input,
            uri_column=config.uri_column,
            image_column=config.image_column,
            choice=config.choice,
            allowed=[output, *buckets],
        )
        _require_apart(output, inputs)
        newest = newest_state(output)
        if newest is None:
            require_no_other_folder(output)
        else:
            config = with_remembered(config, newest.manifest.asked)
            if config.choice.is_subset:
                require_own_ledger(config.choice, newest.manifest, output)
        run = Run(
            asked=config,
            id=f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            started_at=started_at,
            version=newest.next_version if newest else 0,
            output=output,
            inputs=inputs,
            models=read_models(config.model or (BUILT_IN,)),
            progress_folder=progress_folder,
            engine=dict(engine or {}),
        )
        if config.rescore:
            drop_journal(run)
        if newest:
            previous = previous_of(newest.manifest, run)
            run = dataclasses.replace(run, previous=previous)
        _open_run_folder(run)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return run


def previous_of(manifest: Manifest, run: Run) -> PreviousState:
    """Return a published state, and whether its rows are what this run would make.

    They are if every model of the run was among its models, with the same digest, and
    nothing else that can change a score differs. Settings that the program did not have
    then are as by default, which is to score as it did before it had them. Rows may
    have measures that this run does not take: they lose them.
    """
    known = {name: model["digest"] for name, model in manifest.models.items()}
    same_models = all(known.get(m.name) == m.digest for m in run.ledger_models)
    defaults = _default_settings(run)
    settings = defaults | manifest.settings
    if not run.is_measured:
        settings.pop(MEASURE, None)
    same_settings = settings == defaults | run.score_settings()
    return PreviousState(
        ledger=run.output,
        shard_count=manifest.shard_count,
        files=manifest.files,
        vanished=manifest.counts.vanished,
        is_reusable=same_models and same_settings and not run.asked.rescore,
    )


def _default_settings(run: Run) -> dict[str, Any]:
    asked = ScoringConfig(input=run.asked.input, output=run.asked.output)
    return dataclasses.replace(run, asked=asked).score_settings()


def read_models(arguments: Sequence[str]) -> tuple[ScoringModel, ...]:
    """Read every `[NAME=]FILE` once: a bad file stops the job before it starts.

    `FOLDER@latest` becomes the file that is the latest now, for the whole run.

    Raises:
      UsageError: If a file cannot be used, or two models would have one name.
      StorageError: If a file cannot be read.
      ModelCardError: If a name cannot name a column.
    """
    models: dict[str, ScoringModel] = {}
    for argument in arguments:
        given_name, file = _name_and_file(argument)
        uri = model_uri(file)
        model = load_model(uri)
        name = require_model_name(given_name or model.card.name)
        if name in models:
            raise UsageError(
                f"two models would be called {name!r}; name them apart: "
                f"--model {name}_a={models[name].uri} --model {name}_b={uri}"
            )
        columns = LedgerModel(
            name=name,
            digest=model.digest,
            has_distribution=model.config.output_count > 1,
        )
        models[name] = ScoringModel(
            uri=uri, columns=columns, config=model.config, card=model.card
        )
    return tuple(models.values())


def _name_and_file(argument: str) -> tuple[str | None, str]:
    """Divide `[NAME=]FILE`."""
    named = re.fullmatch(r"([A-Za-z0-9_-]+)=(.+)", argument, re.DOTALL)
    return (named[1], named[2]) if named else (None, argument)


def _bucket(argument: str) -> str:
    uri = resolve(argument, base=None)
    if not buckets_of([uri]):
        raise UsageError(f"--allow_bucket {argument} is no bucket, such as gs://photos")
    return uri


def _require_apart(output: str, inputs: Sequence[Input]) -> None:
    """Refuse an output that the next run would take for input."""
    for one in inputs:
        if one.kind is InputKind.FOLDER and join(output, "").startswith(one.uri):
            raise UsageError(
                f"--output {output} lies inside --input {one.uri}, so the next run "
                "would list the ledger's own files; choose a folder beside it"
            )
        ledger, runs = join(output, ""), join(output, "runs/")
        is_own = one.uri == ledger or one.uri.startswith(runs)
        if one.kind in MANIFESTS and is_own:
            raise UsageError(
                f"--input {one.uri} is a part of --output {output}, so every run would "
                "carry what the one before it wrote; choose another --output"
            )


def _open_run_folder(run: Run) -> None:
    """Write down what the run was told; an output that cannot be written fails here."""
    uri = join(run.output, f"runs/{run.id}/run.json")
    storage_for(uri).write(uri, json.dumps(asked_of(run), indent=1).encode())
