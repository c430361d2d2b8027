"""From the arguments of `musiq score` to a run that can start."""

import argparse
import dataclasses
import datetime
import json
import re
import secrets
from collections.abc import Sequence

from musiq_core.images.decode import DecodeConfig
from pipelines.decoding import DecoderLimits
from pipelines.engines.engine import JobFacts
from pipelines.ledger.folder import (
    LedgerFolderError,
    newest_manifest_number,
    read_manifest,
)
from pipelines.models.read import load_model
from pipelines.scoring.allowed_buckets import buckets_of
from pipelines.scoring.config import ScoringConfig, ScoringModel
from pipelines.scoring.device import Device
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.inputs import carried_fields, resolve_inputs
from pipelines.scoring.journal import drop_journal
from pipelines.scoring.plan import RetryFailed, Vanished
from pipelines.scoring.previous_state import PreviousState
from pipelines.storage import StorageError, join, resolve, storage_for
from pipelines.storage.model_names import BUILT_IN, model_uri
from schemas.errors import UsageError
from schemas.failures import ImageFailure
from schemas.ledger import LedgerModel
from schemas.manifest import Manifest
from schemas.model_card import require_model_name


def job_facts(args: argparse.Namespace) -> JobFacts:
    """Return what the job's engine must know of it before anything is read.

    Raises:
      UsageError: If no store can hold a name.
    """
    models = [_name_and_file(argument)[1] for argument in args.models]
    named = [args.output, *args.inputs, *(m for m in models if m != BUILT_IN)]
    try:
        uris = tuple(resolve(one, base=None) for one in named)
    except ImageFailure as error:
        raise UsageError(str(error)) from error
    return JobFacts(
        pipeline="musiq-score", output=uris[0], uris=uris, device=args.device
    )


def build_config(
    args: argparse.Namespace, *, progress_folder: str | None
) -> ScoringConfig:
    """Check everything that can be checked before the job starts.

    Raises:
      UsageError: Naming what is wrong and what would help.
    """
    started_at = datetime.datetime.now(datetime.UTC)
    try:
        output = resolve(args.output, base=None)
        buckets = [_bucket(argument) for argument in args.allow_buckets]
        inputs = resolve_inputs(
            args.inputs,
            uri_column=args.uri_column,
            image_column=args.image_column,
            allowed=[output, *buckets],
        )
        _require_apart(output, inputs)
        number = newest_manifest_number(output)
        config = ScoringConfig(
            inputs=inputs,
            output=output,
            models=read_models(args.models),
            run_id=f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            started_at=started_at,
            manifest_number=number + 1,
            retry_failed=RetryFailed(args.retry_failed),
            vanished=Vanished(args.vanished),
            carried=carried_fields(inputs),
            decode=DecodeConfig(
                jpeg_dct=args.jpeg_dct,
                orientation=args.orientation,
                max_pixels=args.max_pixels,
            ),
            max_tokens=args.max_tokens,
            device=Device(args.device),
            decoder_limits=DecoderLimits(seconds=args.decode_timeout_seconds),
            max_file_bytes=args.max_file_bytes,
            max_failure_rate=args.max_failure_rate,
            progress_folder=progress_folder,
        )
        if args.rescore:
            drop_journal(config)
        elif number:
            manifest = read_manifest(output, number)
            config = dataclasses.replace(config, previous=previous_of(manifest, config))
        _open_run_folder(config, args)
    except (ValueError, LedgerFolderError, StorageError, ImageFailure) as error:
        raise UsageError(str(error)) from error
    return config


def previous_of(manifest: Manifest, config: ScoringConfig) -> PreviousState | None:
    """Return a published state if its rows are what this run would make of them.

    They are if every model of the run was among its models, with the same digest, and
    nothing else that can change a score differs.
    """
    known = {name: model["digest"] for name, model in manifest.models.items()}
    same_models = all(known.get(m.name) == m.digest for m in config.ledger_models)
    if not same_models or manifest.settings != config.score_settings():
        return None
    return PreviousState(
        ledger=config.output,
        shard_count=manifest.shard_count,
        files=manifest.files,
    )


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


def _open_run_folder(config: ScoringConfig, args: argparse.Namespace) -> None:
    """Write down what the run was told; an output that cannot be written fails here."""
    uri = join(config.output, f"runs/{config.run_id}/run.json")
    told = {k: v for k, v in vars(args).items() if k not in ("run", "flags")}
    storage_for(uri).write(uri, json.dumps(told, indent=1).encode())
