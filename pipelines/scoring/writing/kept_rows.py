"""Kept rows: taken over from the ledger or a journal, as Arrow tables throughout."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.errors import LedgerFolderError
from pipelines.ledger.files import read_ledger_file
from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.carried.stored import stored_anew
from pipelines.scoring.planning.plan import KeptRow
from pipelines.scoring.planning.previous_state import previous_files
from pipelines.scoring.run import Run
from pipelines.scoring.writing.journal import journal_schema
from schemas.ledger import is_reserved


def read_kept_rows(
    kept: Sequence[KeptRow],
    schema: pa.Schema,
    shard: int,
    shard_count: int,
    columns: CarriedColumns,
    run: Run,
) -> pa.Table:
    """Return kept rows as they were, their columns from the inputs renewed.

    A vanished row has no input that would renew them: it is marked, and keeps those of
    its columns that this run carries too. They are null where the ledger has no such
    column, or has it of a type that the new one cannot take.

    Args:
      kept: The rows of one shard.
      schema: Schema of the run's ledger.
      shard: Number of the shard.
      shard_count: Shards of the run.
      columns: The run's carried columns.
      run: The run.

    Raises:
      LedgerFolderError: If rows are no longer where planning found them.
    """
    by_uri = {row.uri: row for row in kept}
    tables = [schema.empty_table()]
    for table in _find_rows(kept, shard, shard_count, run):
        rows = [by_uri[uri] for uri in table.column("uri").to_pylist()]
        is_vanished = pa.array([row.is_vanished for row in rows], pa.bool_())
        is_named = pa.array([not row.is_vanished for row in rows], pa.bool_())
        named = [row for row in rows if not row.is_vanished]
        tables += [
            _renewed(table.filter(is_named), named, schema, columns),
            _marked(table.filter(is_vanished), schema, columns),
        ]
    table = pa.concat_tables(tables)
    if table.num_rows != len(kept):
        raise LedgerFolderError(
            f"rows of {run.output} were lost while the run was going on; run again"
        )
    return table


def _renewed(
    table: pa.Table, rows: Sequence[KeptRow], schema: pa.Schema, columns: CarriedColumns
) -> pa.Table:
    """Return the rows of `table`, which are those of `rows`, as their inputs say."""
    carried = columns.table(rows)
    renewed = {
        "key": pa.array([row.key for row in rows], pa.string()),
        "vanished": pa.repeat(pa.scalar(False), len(rows)),
    }
    if any(row.generation for row in rows):
        stored = table.column("generation").to_pylist()
        pairs = zip(rows, stored, strict=True)
        generations = [row.generation or known for row, known in pairs]
        renewed["generation"] = pa.array(generations, pa.string())
    named = dict(zip(carried.schema.names, carried.columns, strict=True))
    return _with_columns(table, renewed | named, schema)


def _marked(table: pa.Table, schema: pa.Schema, columns: CarriedColumns) -> pa.Table:
    """Return the rows of `table` as they were, marked as vanished."""
    marked = {"vanished": pa.repeat(pa.scalar(True), table.num_rows)}
    for name, field in zip(columns.names, columns.fields, strict=True):
        marked[field.name] = _stored_or_null(table, name, field)
    return _with_columns(table, marked, schema)


def _stored_or_null(table: pa.Table, name: str, field: pa.Field) -> pa.Array:
    """Return a column in the type of `field`; all null if it has no such values.

    Args:
      table: Rows of an older state.
      name: The column's name in the inputs, by which older states may have it.
      field: As this run stores it.
    """
    known = [one for one in (field.name, name) if one in table.schema.names]
    if known and not is_reserved(known[0]):
        index = table.schema.get_field_index(known[0])
        array = table.column(index).combine_chunks()
        with contextlib.suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return stored_anew(array, table.schema.field(index), field.type)
    return pa.nulls(table.num_rows, field.type)


def _with_columns(
    table: pa.Table,
    columns: Mapping[str, pa.ChunkedArray | pa.Array],
    schema: pa.Schema,
) -> pa.Table:
    """Return `table` in the form of `schema`, some of its columns replaced."""
    arrays = [
        columns[field.name]
        if field.name in columns
        else table.column(field.name).cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _find_rows(
    kept: Sequence[KeptRow], shard: int, shard_count: int, run: Run
) -> Iterator[pa.Table]:
    """Yield the rows from every file that holds some of them, and those at hand."""
    published = [row.uri for row in kept if row.journalled is None]
    if published and run.previous:
        for file in previous_files(run.previous, shard, shard_count):
            table = read_ledger_file(run.previous.ledger, file)
            yield table.filter(pc.field("uri").isin(published))
    if journalled := [row.journalled for row in kept if row.journalled is not None]:
        schema = journal_schema(run)
        columns = zip(*journalled, strict=True)
        yield pa.Table.from_arrays(
            [
                pa.array(values, field.type)
                for values, field in zip(columns, schema, strict=True)
            ],
            schema=schema,
        )
