"""`musiq prepare`: from arguments to a job, and from its card to a summary."""

import contextlib
import dataclasses
import importlib.util
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

import apache_beam as beam

from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.causes import one_line_cause
from pipelines.engines.embedded.runner import is_worker_death, limit_to_one_thread
from pipelines.engines.engine import JobFacts, engine_of
from pipelines.engines.follow import follow_job
from pipelines.engines.require_engine import require_engine
from pipelines.engines.runners import make_runner
from pipelines.preparing.arguments import PREPARE, PreparingRequest
from pipelines.preparing.config import PreparingConfig
from pipelines.preparing.datasets import DATA_SETS
from pipelines.preparing.flow import prepare_data_set
from pipelines.preparing.labels import LabelScale, ReleaseError
from pipelines.preparing.plan import PlanFacts, plan_shards
from pipelines.preparing.publish import (
    LostShardsError,
    card_of,
    read_card,
    require_same,
)
from pipelines.preparing.show_shards import show_shards
from pipelines.storage import StorageError, resolve
from schemas.errors import UsageError
from schemas.text import printable
from schemas.training_dataset import TrainingDataset
from schemas.training_example import SPLITS

_KNOWN_ERRORS = (LostShardsError, StorageError)
_NAMES_SHOWN = 3


def run(request: PreparingRequest, rest: list[str]) -> int:
    """Prepare the data set and return the exit code."""
    options = parse_beam_options(rest, PREPARE.flag_names)
    started = time.monotonic()
    config, shards = build_config(request)
    engine = engine_of(options)
    require_engine(
        options,
        JobFacts(
            pipeline="musiq-prepare",
            output=config.output,
            uris=(config.input, config.output),
        ),
    )
    if engine.is_on_this_machine:
        limit_to_one_thread()
    runner = make_runner(options, workers=request.workers or os.cpu_count() or 1)
    pipeline = beam.Pipeline(runner, options)
    prepare_data_set(pipeline, config)
    try:
        with contextlib.ExitStack() as stack:
            if engine.is_on_this_machine and not config.is_published:
                stack.enter_context(show_shards(config.output, shards))
            follow_job("musiq prepare", options, pipeline.run())
    except (Exception, KeyboardInterrupt) as error:
        return _report_failure(error)
    if engine.is_submitted:
        return 0
    card = read_card(config.output)
    assert card is not None
    _show(card, config, seconds=time.monotonic() - started, as_json=request.json)
    return 0


def build_config(request: PreparingRequest) -> tuple[PreparingConfig, list[str]]:
    """Check all that can be checked before an image is opened.

    Returns:
      The run, and the names of its shards.

    Raises:
      MusiqError: Naming what is wrong and what would help.
    """
    if importlib.util.find_spec("array_record") is None:
        raise UsageError(
            "preparing data needs the array-record package: pip install "
            "'musiq[prepare]'"
        )
    known = DATA_SETS[request.dataset]
    try:
        folder = resolve(request.input, base=None).rstrip("/")
        own_name = request.dataset if known.title else os.path.basename(folder)
        name = request.name or own_name
        config = PreparingConfig(
            dataset=request.dataset,
            name=name,
            title=known.title or name,
            licence=request.licence or known.licence,
            input=folder,
            output=resolve(request.output, base=None).rstrip("/"),
            split=request.split,
            seed=request.seed,
            scale=_scale(request),
            examples_per_shard=request.examples_per_shard,
        )
        plan = plan_shards(config)
        files = [shard.file for shard in plan.shards]
        return _against_output(config, plan.facts), files
    except ValueError as error:
        raise UsageError(str(error)) from error


def _against_output(config: PreparingConfig, facts: PlanFacts) -> PreparingConfig:
    """Return the run, knowing whether the same data set is in its output already.

    Raises:
      ReleaseError: If something else is there.
    """
    published = read_card(config.output)
    if published is None:
        return config
    expected = dataclasses.replace(
        card_of(facts, [], config),
        shards=published.shards,
        unreadable=published.unreadable,
    )
    require_same(published, expected)
    return dataclasses.replace(config, is_published=True)


def _scale(request: PreparingRequest) -> LabelScale | None:
    if request.scale is None:
        return None
    return LabelScale.score(
        *request.scale, higher_is_better=not request.lower_is_better
    )


def _show(
    card: TrainingDataset, config: PreparingConfig, *, seconds: float, as_json: bool
) -> None:
    """Print what there is, and on stderr what was left out."""
    counts = {one: card.example_count(one) for one in SPLITS if one in card.shards}
    for what, left_out in (("missing", card.missing), ("unreadable", card.unreadable)):
        if left_out["count"]:
            print(f"musiq prepare: {_left_out(what, left_out)}", file=sys.stderr)
    if as_json:
        told = {
            "name": card.name,
            "examples": counts,
            "missing": card.missing["count"],
            "unreadable": card.unreadable["count"],
            "seconds": round(seconds, 1),
        }
        print(json.dumps(told))
        return
    splits = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    shards = sum(map(len, card.shards.values()))
    done = "found unchanged" if config.is_published else "prepared"
    print(f"{done} {card.name}: {splits}, in {shards} shards, {seconds:.1f} s")
    print(f"split: {card.split_rule}")


def _left_out(what: str, left_out: Mapping[str, Any]) -> str:
    names = ", ".join(map(printable, left_out["names"][:_NAMES_SHOWN]))
    more = ", ..." if left_out["count"] > _NAMES_SHOWN else ""
    images = "image is" if left_out["count"] == 1 else "images are"
    failures = left_out.get("failures", {})
    why = ", ".join(f"{count} {failure}" for failure, count in failures.items())
    return f"{left_out['count']:,} {images} {what}: {names}{more}" + (
        f" ({why})" if why else ""
    )


def _report_failure(error: BaseException) -> int:
    """Say why the job failed: one line if it is a known cause, else everything."""
    if isinstance(error, KeyboardInterrupt) or str(error).startswith("KeyboardInt"):
        print("musiq prepare: interrupted; nothing was published", file=sys.stderr)
        return 1
    if refused := one_line_cause(error, (ReleaseError,)):
        print(f"musiq prepare: error: {printable(refused)}", file=sys.stderr)
        return 2
    cause = one_line_cause(error, _KNOWN_ERRORS)
    if is_worker_death(error):
        cause = (
            "a worker process died, perhaps for want of memory; nothing was published. "
            "Run again, with fewer --workers or --examples_per_shard"
        )
    if cause is None:
        traceback.print_exception(error)
        cause = "the job failed, see the traceback above; nothing was published"
    print(f"musiq prepare: error: {printable(cause)}", file=sys.stderr)
    return 1
