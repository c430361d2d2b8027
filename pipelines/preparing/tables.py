"""Label files as tables: CSV and XLSX, read by the names of their columns."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence

from pipelines.preparing.labels import ReleaseError


def decode_text(data: bytes, file: str) -> str:
    """Return the text of a UTF-8 file, with or without a byte-order mark.

    Raises:
      ReleaseError: If it is none.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReleaseError(
            f"{file} is not text in UTF-8: byte {error.start} is wrong"
        ) from error


def read_csv(
    data: bytes, file: str, columns: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a CSV file.

    Args:
      data: The file.
      file: Its name, for messages.
      columns: Columns that it must have; others may stand beside them.

    Yields:
      Where a row stands, and its cells by column; empty lines are passed over.

    Raises:
      ReleaseError: If the file is no such table.
    """
    lines = csv.reader(io.StringIO(decode_text(data, file), newline=""), strict=True)
    try:
        header = next(lines, [])
        numbered = ((lines.line_num, cells) for cells in lines)
        yield from _named(header, numbered, file, columns)
    except csv.Error as error:
        raise ReleaseError(
            f"{file}, line {lines.line_num}: not CSV: {error}"
        ) from error


def csv_header(data: bytes, file: str) -> list[str]:
    """Return the names of the columns of a CSV file."""
    lines = io.StringIO(decode_text(data, file), newline="")
    try:
        return [name.strip() for name in next(csv.reader(lines), [])]
    except csv.Error as error:
        raise ReleaseError(f"{file} is not CSV: {error}") from error


def read_xlsx(
    data: bytes, file: str, columns: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of the first sheet of a workbook, as `read_csv` does.

    Raises:
      ReleaseError: If the file is no such table, or openpyxl is missing.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise ReleaseError(
            f"{file} needs the openpyxl package: pip install 'musiq[prepare]', or save "
            "its first sheet as CSV beside it"
        ) from error
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        lines = [
            ["" if cell is None else str(cell) for cell in cells]
            for cells in book.worksheets[0].iter_rows(values_only=True)
        ]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, IndexError) as error:
        raise ReleaseError(f"{file} is no workbook that can be read") from error
    header = lines[0] if lines else []
    yield from _named(header, enumerate(lines[1:], start=2), file, columns)


def _named(
    header: Sequence[str],
    lines: Iterable[tuple[int, Sequence[str]]],
    file: str,
    columns: Sequence[str],
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield rows as cells by column; columns without a name must be empty."""
    names = [name.strip() for name in header]
    _require_columns(names, columns, file)
    for line, cells in lines:
        place = f"{file}, line {line}"
        if not any(cell.strip() for cell in cells):
            continue
        has_more = any(cell.strip() for cell in cells[len(names) :])
        if len(cells) < len(names) or has_more:
            raise ReleaseError(
                f"{place}: {len(cells)} cells, but the header has {len(names)} columns"
            )
        yield (
            place,
            {
                name: cell.strip()
                for name, cell in zip(names, cells, strict=False)
                if name
            },
        )


def _require_columns(names: Sequence[str], columns: Sequence[str], file: str) -> None:
    missing = [column for column in columns if column not in names]
    if missing:
        found = ", ".join(name for name in names if name)[:200] or "nothing"
        raise ReleaseError(
            f"{file} has no column {', '.join(missing)}; its header is {found}"
        )
    repeated = {name for name in names if name and names.count(name) > 1}
    if repeated:
        raise ReleaseError(
            f"{file} has more than one column {', '.join(sorted(repeated))}"
        )
