"""What a job made that was staged for Dataflow, beside what the command makes here."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
from helpers.one_ledger import require_same_rows
from helpers.run_musiq import facts_of, run_here

from pipelines.storage import storage_for
from schemas.delta.commits import commit_name


def rows_of(ledger: str) -> tuple[dict, pa.Table]:
    def read(name: str) -> bytes:
        with storage_for(ledger).open_read(f"{ledger}/{name}") as file:
            return file.read()

    manifest = facts_of(read(commit_name(0)))
    files = [read(file["path"]) for file in manifest["files"]]
    return manifest, pa.concat_tables([pq.read_table(io.BytesIO(f)) for f in files])


def require_ledger_of_the_embedded_engine(flags) -> dict:
    """Fail unless a ledger is what the same command makes here; returns its counts."""
    manifest, found = rows_of(flags["--output"])
    embedded = flags["--output"] + "-embedded"
    local = run_here(
        *("score", "--input", flags["--input"], "--output", embedded),
        *("--model", flags["--model"], "--max_failure_rate", 1, "--workers", 1),
    )
    assert local.code == 0, local.err
    expected_manifest, expected = rows_of(embedded)
    require_same_rows(found, expected)
    assert manifest["counts"] == expected_manifest["counts"]
    assert manifest["failures"] == expected_manifest["failures"]
    return manifest["counts"]
