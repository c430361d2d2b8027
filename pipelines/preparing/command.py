"""`musiq prepare`: from arguments to a job, and from its card to a summary."""

import dataclasses
import functools
import importlib.util
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from pipelines.engines.beam_options import parse_beam_options
from pipelines.engines.engine import JobFacts
from pipelines.engines.job import Endings, Job
from pipelines.preparing.config import PreparingConfig, PreparingRequest
from pipelines.preparing.datasets import DATA_SETS
from pipelines.preparing.flow import prepare_data_set
from pipelines.preparing.labels import LabelScale, ReleaseError
from pipelines.preparing.plan import PlanFacts, plan_shards
from pipelines.preparing.publish import card_of, read_card, require_same
from pipelines.preparing.shard_progress import WORDING, shard_counter
from pipelines.progress import show_progress
from pipelines.storage import resolve
from schemas.errors import UsageError
from schemas.programs.program import EngineArguments
from schemas.text import printable
from schemas.training_dataset import TrainingDataset
from schemas.training_example import SPLITS

_ENDINGS = Endings(
    interrupted="interrupted; nothing was published",
    worker_died="a worker process died, perhaps for want of memory; nothing was "
    "published. Run again, with fewer --workers or --examples_per_shard",
    exit_codes={ReleaseError: 2},
)
_NAMES_SHOWN = 3


def run(request: PreparingRequest, engine: EngineArguments) -> int:
    """Prepare the data set and return the exit code."""
    options = parse_beam_options(engine)
    started = time.monotonic()
    config, shards = build_config(request)
    facts = JobFacts(
        pipeline="musiq-prepare",
        output=config.output,
        uris=(config.input, config.output),
    )
    job = Job("musiq prepare", options, facts)
    job.check()
    display = None
    if job.engine.is_on_this_machine and not config.is_published:
        display = show_progress(shard_counter(config.output, shards), WORDING)
    outcome = job.run(
        functools.partial(prepare_data_set, config=config),
        _ENDINGS,
        workers=request.workers,
        display=display,
    )
    if not outcome.is_done:
        return outcome.exit_code
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
