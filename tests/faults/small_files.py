"""Makes a process's runs write many small files: few images make many kill points."""

import functools

_ROWS_PER_JOURNAL_FILE = 20
_ROWS_PER_SHARD = 60


def write_small_files() -> None:
    """Make the journal files and the shards of this process's runs small."""
    from pipelines.scoring import configure, journal

    journal._ROWS = _ROWS_PER_JOURNAL_FILE
    configure.ScoringConfig = functools.partial(
        configure.ScoringConfig, rows_per_shard=_ROWS_PER_SHARD
    )
