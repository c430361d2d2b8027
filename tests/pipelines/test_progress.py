"""How far a job is, told in plain lines or by a bar, and nothing else on stderr."""

import io
import sys
import time

import pytest

from pipelines import progress
from pipelines.progress import Progress, Wording, progress_line, show_progress

IMAGES = Wording(first="listing inputs", unit="images")
SHARDS = Wording(first="planning", unit="shards", finished="written")


@pytest.mark.parametrize(
    ("found", "wording", "pace", "line"),
    [
        (Progress(total=0, done=0, failed=0), IMAGES, None, "listing inputs"),
        (
            Progress(total=9, done=0, failed=0),
            IMAGES,
            None,
            "0 of 9 images done, 0 failed",
        ),
        (
            Progress(total=90, done=30, failed=2),
            IMAGES,
            1.5,
            "30 of 90 images done, 2 failed, 1.5 images/s, 40 s left",
        ),
        (Progress(total=48, done=0), SHARDS, None, "0 of 48 shards written"),
        (
            Progress(total=48, done=12),
            SHARDS,
            0.01,
            "12 of 48 shards written, 3600 s left",
        ),
    ],
)
def test_a_line_tells_what_is_known(found, wording, pace, line):
    assert progress_line(found, wording, units_per_second=pace) == line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def read(monkeypatch):
    """Ten images more at every look; one look every twenty milliseconds."""
    monkeypatch.setattr(progress, "_PLAIN_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(progress, "_TERMINAL_INTERVAL_SECONDS", 0.02)
    looks = []

    def read() -> Progress:
        looks.append(10)
        done = sum(looks) - 10
        return Progress(total=10_000 if done else 0, done=done, failed=0)

    return read


def test_elsewhere_progress_is_plain_lines(read, capsys):
    with show_progress(read, IMAGES):
        time.sleep(0.5)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "listing inputs"
    assert rest[0] == "10 of 10000 images done, 0 failed"
    assert "images/s" in rest[-1]
    assert rest[-1].endswith(" s left")
    assert not any("\x1b" in line for line in rest)


def test_on_a_terminal_progress_is_a_bar(read, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with show_progress(read, IMAGES):
        time.sleep(0.5)
    shown = sys.stderr.getvalue()
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in shown
    assert "of 10000 images done, 0 failed" in shown
    assert "\x1b" in shown
