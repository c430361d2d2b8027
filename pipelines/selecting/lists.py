"""The rows that are kept as lists and copies have them: with what their scores mean."""

import dataclasses
from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipelines.selecting.calibration.calibration_file import Calibration
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.selection import Selection


@dataclasses.dataclass(frozen=True)
class KeptRows:
    """Rows that are kept, and perhaps a calibration that is applied to them.

    Attributes:
      selection: Whose rows.
      asked: Their columns as they were asked for.
      calibration: Adds a column with what the scores mean; None adds nothing.
    """

    selection: Selection
    asked: tuple[str, ...]
    calibration: Calibration | None = None

    @property
    def names(self) -> list[str]:
        """Columns of the ledger that were asked for, or those by default."""
        return self.selection.schema(self.asked).names

    def schema(self, columns: Sequence[str] | None = None) -> pa.Schema:
        """Return the columns of the rows.

        Args:
          columns: Those of the ledger; None for those that were asked for.

        Raises:
          SelectionError: If the ledger has no such column, or one too many.
        """
        schema = self.selection.schema(self.asked if columns is None else columns)
        if self.calibration is None:
            return schema
        name = self.calibration.column
        if name in schema.names:
            raise SelectionError(
                f"the calibration makes a column {name!r}: leave that of the ledger out"
            )
        return schema.append(pa.field(name, pa.float32()))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the ledger's order; arguments and errors as of `schema`."""
        schema = self.schema(columns)
        if self.calibration is None:
            yield from self.selection.batches(schema.names)
            return
        score = f"musiq_{self.calibration.model}"
        asked = schema.names[:-1]
        for batch in self.selection.batches(list(dict.fromkeys([*asked, score]))):
            meant = self.calibration.apply(batch.column(score))
            columns_of = [*(batch.column(name) for name in asked), meant]
            yield pa.RecordBatch.from_arrays(columns_of, schema=schema)
