"""Beam's own options of a job, from what a program's parser left over."""

import argparse
import contextlib
import io
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.heavy_imports import no_log_warnings
from schemas.errors import UsageError
from schemas.programs import flags_of, refuse_unknown


def parse_beam_options(
    program: str, arguments: Sequence[str], own_flags: Sequence[str]
) -> PipelineOptions:
    """Return Beam's options of a job.

    Args:
      program: For messages, such as "musiq score".
      arguments: What the program itself did not take.
      own_flags: The program's own flags, to guess at what was meant.

    Raises:
      UsageError: If Beam does not know an argument either, or refuses its value.
    """
    parsers: list[argparse.ArgumentParser] = []
    said = io.StringIO()  # Beam's usage is two pages; its last line says what is wrong
    try:
        with contextlib.redirect_stderr(said), no_log_warnings():
            options = PipelineOptions(list(arguments))
            options.get_all_options(add_extra_args_fn=parsers.append)
            _, unknown = parsers[0].parse_known_args(arguments)
    except SystemExit as error:
        _, _, reason = said.getvalue().strip().rpartition("error: ")
        raise UsageError(f"Beam refuses an option: {reason}") from error
    refuse_unknown(program, unknown, [*own_flags, *flags_of(parsers[0])])
    return options
