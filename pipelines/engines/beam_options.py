"""Beam's own options of a job, from what a program's parser left over."""

import argparse
import contextlib
import io
import re
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engines.heavy_imports import no_log_warnings
from schemas.errors import UsageError
from schemas.plain import to_plain
from schemas.programs.command_line import refuse_unknown
from schemas.programs.program import EngineArguments

# Such as --s3_secret_access_key and --s3_session_token.
_SECRET = re.compile("secret|token|password|access_key|credential")


def parse_beam_options(engine: EngineArguments) -> PipelineOptions:
    """Return Beam's options of a job.

    Raises:
      UsageError: If Beam does not know an argument either, or refuses its value.
    """
    parsers: list[argparse.ArgumentParser] = []
    said = io.StringIO()  # Beam's usage is two pages; its last line says what is wrong
    try:
        with contextlib.redirect_stderr(said), no_log_warnings():
            options = PipelineOptions(list(engine.words))
            options.get_all_options(add_extra_args_fn=parsers.append)
            _, unknown = parsers[0].parse_known_args(engine.words)
    except SystemExit as error:
        _, _, reason = said.getvalue().strip().rpartition("error: ")
        raise UsageError(f"Beam refuses an option: {reason}") from error
    beams = [f for f in parsers[0]._option_string_actions if f.startswith("--")]
    refuse_unknown([*engine.own_flags, *beams], unknown)
    return options


def asked_options(engine: EngineArguments) -> dict[str, Any]:
    """Return options as a configuration file has them: those given, by name.

    What may be a secret is left out: a ledger's readers are not its writers.
    """
    with no_log_warnings():
        given = PipelineOptions(list(engine.words)).get_all_options(drop_default=True)
    return {n: to_plain(v) for n, v in given.items() if not _SECRET.search(n)}
