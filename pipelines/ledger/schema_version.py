"""The version of a ledger file's schema: older ones are read as if they were new."""

import pyarrow as pa

from schemas.errors import MusiqError
from schemas.ledger import OWN_FIELDS, SCHEMA_VERSION, SINCE_VERSION, VERSION_KEY


class LedgerVersionError(MusiqError):
    """A file that this program cannot read as part of a ledger."""


def schema_version(schema: pa.Schema, uri: str) -> int:
    """Return the version of a file's schema.

    Args:
      schema: The file's schema.
      uri: The file, for messages.

    Raises:
      LedgerVersionError: If a newer program wrote it, or none of this project.
    """
    told = (schema.metadata or {}).get(VERSION_KEY, b"").decode(errors="replace")
    if not told.isdecimal():
        raise LedgerVersionError(
            f"{uri} is no file of a ledger: its metadata have no "
            f"{VERSION_KEY.decode()}; restore the file that `musiq score` wrote"
        )
    if int(told) > SCHEMA_VERSION:
        raise LedgerVersionError(
            f"{uri} has version {told} of the ledger's schema, and this musiq reads "
            f"versions up to {SCHEMA_VERSION}: install a newer musiq"
        )
    return int(told)


def upgraded_schema(schema: pa.Schema, uri: str) -> pa.Schema:
    """Return the schema of an older file with the columns that came later.

    Raises:
      LedgerVersionError: As `schema_version`.
    """
    version = schema_version(schema, uri)
    before = None
    for field in OWN_FIELDS:
        is_later = SINCE_VERSION.get(field.name, 1) > version
        if is_later and field.name not in schema.names:
            place = schema.get_field_index(before) + 1 if before else 0
            schema = schema.insert(place, field)
        before = field.name
    return schema.with_metadata(
        (schema.metadata or {}) | {VERSION_KEY: str(SCHEMA_VERSION).encode()}
    )


def upgraded(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table in a schema that has all its columns; the others are null."""
    arrays = [
        table.column(field.name)
        if field.name in table.schema.names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
