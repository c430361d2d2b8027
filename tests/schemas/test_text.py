"""What a hostile name looks like in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ünï-漢字-🌻 back\\slash", "Ünï-漢字-🌻 back\\slash"),
        ("a\nb\r", "a\\nb\\r"),
        ("\x1b[31m", "\\x1b[31m"),
        ("right to left \u202e", "right to left \\u202e"),
        ("half \udc80", "half \\udc80"),
        (7, "7"),
    ],
)
def test_what_is_not_printable_is_escaped(text, shown):
    assert printable(text) == shown


@given(st.text() | st.text("\n\x1b\udcff\\", max_size=9))
def test_every_text_becomes_one_printable_line_and_stays_as_it_is_then(text):
    line = printable(text)
    assert line.isprintable()
    line.encode()
    assert printable(line) == line
