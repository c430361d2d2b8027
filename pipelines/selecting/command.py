"""`musiq select`: from arguments to the lists of what is kept and what is not."""

import dataclasses
import json
import sys

from pipelines.ledger.reader import open_ledger
from pipelines.selecting import calibrate_command
from pipelines.selecting.calibrate_command import calibrated_request
from pipelines.selecting.config import SelectingConfig
from pipelines.selecting.lists import KeptRows
from pipelines.selecting.outputs.list_format import ListFormat
from pipelines.selecting.outputs.new_output import require_new_output
from pipelines.selecting.outputs.write_list import require_columns, write_list
from pipelines.selecting.select_photos import select_photos
from pipelines.selecting.show import print_selection, selection_report
from schemas.programs.program import EngineArguments
from schemas.text import printable

_NO_ENGINE = EngineArguments()


def run(config: SelectingConfig, engine: EngineArguments = _NO_ENGINE) -> int:
    """Select, copy, write the lists, print what was done and return the exit code."""
    if config.calibrate is not None:
        return calibrate_command.run(config)
    forms = {uri: _form_of(uri, config) for uri in (config.output, config.rest) if uri}
    ledger = open_ledger(config.ledger)
    request, calibration = calibrated_request(config, ledger)
    copying = None
    if config.copy_to is not None:
        from pipelines.selecting.copies import prepare_copying

        copying = prepare_copying(config, ledger, engine)
    selection = select_photos(ledger, request)
    kept = KeptRows(selection, config.columns, calibration)
    # What is kept comes last: where it is, all is there.
    lists = [
        (config.rest, selection.rest_schema, selection.rest),
        (config.output, kept.schema, kept.batches),
    ]
    written = bool(selection.kept) and not config.dry_run
    for uri, schema_of, _ in lists:
        if uri:
            require_columns(schema_of(config.columns), forms[uri])
    code, copied = 0, None
    if copying and written:
        code, copied = copying.copy(kept)
        written = code == 0
    for uri, schema_of, rows_of in lists if written else ():
        if uri:
            rows = rows_of(config.columns)
            write_list(rows, schema_of(config.columns), uri, forms[uri])
    if config.json:
        report = selection_report(selection, config, is_written=written)
        if copied:
            report["copies"] = dataclasses.asdict(copied)
        print(json.dumps(report))
    elif not config.quiet:
        print_selection(selection, config, is_written=written, copied=copied)
    if selection.kept:
        return code
    print(
        f"musiq select: nothing is kept of {printable(config.ledger)}, so no list was "
        "written; --explain tells what removes what",
        file=sys.stderr,
    )
    return 4


def _form_of(uri: str, config: SelectingConfig) -> ListFormat:
    """Return the form of a list that can be written.

    Raises:
      UsageError: If its ending says none, or it exists.
    """
    form = ListFormat.of(uri)
    if not config.dry_run:
        require_new_output(uri)
    return form
