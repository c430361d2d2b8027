"""`musiq select`: from arguments to the lists of what is kept and what is not."""

import json
import sys

from pipelines.ledger.reader import open_ledger
from pipelines.selecting.config import SelectingConfig
from pipelines.selecting.outputs.list_format import ListFormat
from pipelines.selecting.outputs.new_output import require_new_output
from pipelines.selecting.outputs.write_list import require_columns, write_list
from pipelines.selecting.select_photos import select_photos
from pipelines.selecting.show import print_selection, selection_report
from schemas.text import printable


def run(config: SelectingConfig) -> int:
    """Select, write the lists, print what was done and return the exit code."""
    forms = {uri: _form_of(uri, config) for uri in (config.output, config.rest) if uri}
    ledger = open_ledger(config.ledger)
    selection = select_photos(ledger, config.request())
    # What is kept comes last: where it is, all is there.
    lists = [
        (config.rest, selection.rest_schema, selection.rest),
        (config.output, selection.schema, selection.batches),
    ]
    written = bool(selection.kept) and not config.dry_run
    for uri, schema_of, _ in lists:
        if uri:
            require_columns(schema_of(config.columns), forms[uri])
    for uri, schema_of, rows_of in lists if written else ():
        if uri:
            rows = rows_of(config.columns)
            write_list(rows, schema_of(config.columns), uri, forms[uri])
    if config.json:
        print(json.dumps(selection_report(selection, config, is_written=written)))
    elif not config.quiet:
        print_selection(selection, config, is_written=written)
    if selection.kept:
        return 0
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
