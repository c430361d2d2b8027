"""What may happen by the thousand is told once a minute, and how often it was."""

from helpers.logged import logged

from pipelines.sparse_warnings import SparseWarnings


def test_the_first_is_told_at_once_and_the_next_after_a_minute():
    now = [100.0]
    warnings = SparseWarnings(clock=lambda: now[0])
    with logged() as records:
        for _ in range(1000):
            warnings.warn("the store is slow")
        now[0] += 59.9
        warnings.warn("the store is slow")
        now[0] += 0.1
        warnings.warn("the store is down")
        now[0] += 60
        warnings.warn("the store is back")
    assert [record.getMessage() for record in records] == [
        "the store is slow",
        "the store is down (1000 more like it since the last such line)",
        "the store is back",
    ]
    assert {record.levelname for record in records} == {"WARNING"}


def test_a_warning_is_one_line_whatever_it_says():
    with logged() as records:
        SparseWarnings().warn("forged\nmusiq: error: all is lost")
    assert records[0].getMessage() == "forged\\nmusiq: error: all is lost"
