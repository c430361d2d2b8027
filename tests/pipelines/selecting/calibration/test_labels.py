"""Labels are read as they are written, and what is wrong is one line."""

import pytest

from pipelines.selecting.calibration.labels import read_labels
from schemas.errors import MusiqError


def write(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read_labels(str(path))


def test_decisions_and_ratings_are_read(tmp_path):
    labels = write(tmp_path, "uri,keep,who\n/p/a.jpg,1,x\nb.jpg, 0 ,y\ngs://b/c,yes,\n")
    assert labels.values == {"/p/a.jpg": 1, f"{tmp_path}/b.jpg": 0, "gs://b/c": 1}
    assert not labels.is_rating
    rated = write(tmp_path, "rating,uri\n4.5,/p/a.jpg\n-2,/p/b.jpg\n")
    assert rated.is_rating
    assert rated.values == {"/p/a.jpg": 4.5, "/p/b.jpg": -2}


def test_what_is_said_twice_counts_once(tmp_path):
    labels = write(tmp_path, "uri,keep\n/p/a,1\n/p/b,0\n/p/a,1\n/p/./a,1\n")
    assert (len(labels.values), labels.repeated) == (2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "uri,keep\n/a,1\n/b,1\n/a,0\n",
            "row 3 says keep 0 of /a, and row 1 says 1",
        ),
        ("uri,rating\n/a,1.5\n/a,2\n", "row 2 says rating 2 of /a, and row 1 says 1.5"),
        ("uri,keep\n/a,maybe\n", "row 1 says keep 'maybe', which is neither 0 nor 1"),
        ("uri,keep\n/a,\n", "row 1 says keep '', which is neither 0 nor 1"),
        ("uri,rating\n/a,1\n/b,nan\n", "row 2 says rating 'nan', which is no number"),
        ("uri,keep\n,1\n", "row 1 names no photo: the name is empty"),
        ("uri,keep\nftp://x/a,1\n", "row 1 names no photo: ftp:// is not read"),
        ("uri,score\n/a,1\n", "must have a column uri, and a column keep"),
        ("keep\n1\n", "must have a column uri, and a column keep"),
        ("uri,keep,rating\n/a,1,2\n", "must have a column uri, and a column keep"),
        ("uri,keep,keep\n/a,1,0\n", "must have a column uri, and a column keep"),
        ("uri,keep\n", "has no labels: write rows of uri and keep"),
        ("uri,keep\n/a\n", "row 1 (line 2) has 1 values where the header has 2"),
        ('uri,keep\n"/a,1\n', "opens a quote that is never closed"),
        ("", "it is empty, without a header"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, message):
    with pytest.raises(MusiqError) as caught:
        write(tmp_path, text)
    assert message in str(caught.value)
    assert "labels.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(MusiqError, match=r"absent\.csv"):
        read_labels(str(tmp_path / "absent.csv"))
