"""Makes a process's runs write many small files: few images make many kill points."""

_ROWS_PER_JOURNAL_FILE = 20
ROWS_PER_SHARD = 60


def write_small_files() -> None:
    """Make the journal files of this process's runs small."""
    from pipelines.scoring.writing import journal

    journal._ROWS = _ROWS_PER_JOURNAL_FILE
