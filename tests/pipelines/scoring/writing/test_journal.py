"""Finished rows are durable, come back whole, and go when they are published."""

import dataclasses
import datetime
from pathlib import Path

import pytest
from helpers.logged import logged
from helpers.make_images import noise
from helpers.scoring_runs import tiny_run

from musiq_core.measures.measure import measure_photo
from pipelines.scoring.carried.columns import CarriedColumns
from pipelines.scoring.planning.plan import KeptRow
from pipelines.scoring.writing import journal
from pipelines.scoring.writing.journal import (
    JournalRows,
    drop_journal,
    drop_published_journal,
    journal_folder,
    list_journal,
    read_journal,
    write_journal,
)
from pipelines.scoring.writing.kept_rows import read_kept_rows
from pipelines.storage import StorageError, storage_for
from schemas.failures import Failure
from schemas.ledger import LedgerRow, Score, rows_to_table, shard_of

SCORES = (Score(value=3.25, std=0.5, distribution=(0.1, 0.2, 0.3, 0.2, 0.2)),)

MEASURES = measure_photo(noise(30, 40))


@pytest.fixture
def run(tmp_path):
    return tiny_run(tmp_path / "ledger", measure=True)


def rows(count: int) -> list[LedgerRow]:
    """Every third row is a failed one."""
    return [
        LedgerRow(
            uri=f"{number}.png",
            key=f"{number}",
            modified_at=datetime.datetime(2026, 1, 2, 3, 4, 5, 6789, datetime.UTC),
            failure=None if number % 3 else Failure.TRUNCATED,
            scores=SCORES if number % 3 else (),
            measures=MEASURES if number % 3 else None,
        )
        for number in range(count)
    ]


def entries(run) -> list:
    return [
        (shard, entry)
        for uri in list_journal(journal_folder(run))
        for shard, entry in read_journal(uri, run, 8)
    ]


def test_rows_of_a_journal_come_back_as_they_were_without_a_second_read(run):
    write_journal(rows(30), run)
    found = entries(run)
    assert all(shard == shard_of(entry.uri, 8) for shard, entry in found)
    drop_journal(run)
    kept = [
        KeptRow(uri=entry.uri, key=f"{entry.uri}!", journalled=entry.values)
        for _, entry in found
    ]
    written = rows_to_table(
        [dataclasses.replace(row, key=f"{row.uri}!") for row in rows(30)],
        models=run.ledger_models,
        run_id=run.id,
        run_started_at=run.started_at,
        is_measured=True,
    )
    table = read_kept_rows(kept, written.schema, 0, 1, CarriedColumns(), run)
    assert table.sort_by("uri").equals(written.sort_by("uri"))


def test_a_journal_is_written_while_rows_pass_and_is_whole_when_they_have(
    run, monkeypatch
):
    monkeypatch.setattr(journal, "_ROWS", 7)
    step = JournalRows(run)
    step.setup()
    step.start_bundle()
    for row in rows(30):
        assert list(step.process(row)) == [row]
    step.finish_bundle()
    step.teardown()
    assert {entry.uri for _, entry in entries(run)} == {row.uri for row in rows(30)}
    assert len(list(list_journal(journal_folder(run)))) == 5


def test_a_journal_that_cannot_be_written_ends_the_bundle(run, monkeypatch):
    Path(run.output).mkdir()
    Path(run.output, "journal").write_text("in the way")
    monkeypatch.setattr(journal, "_ROWS", 1)
    step = JournalRows(run)
    step.setup()
    step.start_bundle()
    list(step.process(rows(1)[0]))
    with pytest.raises(StorageError, match="journal"):
        step.finish_bundle()


def test_a_published_journal_that_cannot_be_deleted_fails_no_run(run, monkeypatch):
    write_journal(rows(3), run)
    write_journal(rows(6), run)
    store = type(storage_for(run.output))
    delete, refused = store.delete, []

    def refuse_first(self, uri):
        if not refused:
            refused.append(uri)
            raise StorageError(f"{uri}: the disk is read-only")
        delete(self, uri)

    monkeypatch.setattr(store, "delete", refuse_first)
    with logged() as records:
        drop_published_journal(run)
    assert "its journal stays" in records[0].getMessage()
    assert list(list_journal(journal_folder(run))) == refused
    refused.clear()
    with pytest.raises(StorageError, match="the disk is read-only"):
        drop_journal(run)
