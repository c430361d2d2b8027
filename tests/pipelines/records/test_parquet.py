"""Parquet files whose footers are whole, silent or damaged."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.records.parquet import null_count, open_parquet

IMAGES = pa.table({"images": [[{"bytes": b"x", "path": "a"}], None, [None]]})
COLUMN = "images.list.element.bytes"


def written(**options) -> bytes:
    file = io.BytesIO()
    pq.write_table(IMAGES, file, **options)
    return file.getvalue()


def test_nulls_are_counted_without_reading_the_column():
    file = io.BytesIO(written(row_group_size=2))
    parquet = open_parquet(file)
    file.truncate(0)
    assert [null_count(parquet, group, COLUMN) for group in (0, 1)] == [1, 1]


def test_a_file_without_statistics_does_not_say():
    parquet = open_parquet(io.BytesIO(written(write_statistics=False)))
    assert null_count(parquet, 0, COLUMN) is None


def test_a_footer_that_contradicts_itself_is_an_error_and_not_the_end_of_the_process():
    """The schema says that the column is required, its statistics that it is not."""
    optional, required = (bytes([0x35, kind, 0x18, 6]) + b"images" for kind in (2, 0))
    data = written()
    assert data.count(optional) == 1
    parquet = open_parquet(io.BytesIO(data.replace(optional, required)))
    with pytest.raises(OSError, match="histogram size mismatch"):
        null_count(parquet, 0, COLUMN)
