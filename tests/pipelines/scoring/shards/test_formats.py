"""What a format of shards must bring along, shown by one that no file here has."""

import dataclasses
import re

import pytest
from helpers.make_images import encoded, noise

from pipelines.scoring.reading.fetch import FetchedImage, fetch_image, fetch_together
from pipelines.scoring.reading.refusals import open_shard
from pipelines.scoring.shards import formats
from pipelines.scoring.shards.shard import ShardFormat
from schemas.failures import Failure, ImageFailure


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LinePart:
    """A line of hexadecimal digits that spell an image."""

    number: int
    size_bytes: None = None


class LinesFormat(ShardFormat[LinePart]):
    """Text files of one image a line, which are read as a whole."""

    names = re.compile(r"\.lines$")
    part_type = LinePart

    def list(self, shard, found, file):
        for number, _ in enumerate(file):
            yield shard.ref(
                place=number,
                name=f"{found.uri}#{number}",
                key=str(number),
                listed=found,
                part=LinePart(number=number),
            )

    def together(self, part, *, is_fast):
        return "all", part.number

    def read(self, found, parts, *, max_bytes):
        with open_shard(found) as file:
            lines = file.read().decode().splitlines()
        for part in parts:
            if lines[part.number] == "damaged":
                raise ImageFailure(Failure.UNREADABLE, "a damaged line")
            if lines[part.number] == "short":
                return
            yield bytes.fromhex(lines[part.number])


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, LinesFormat()))


@pytest.fixture
def write(tmp_path):
    def write(*lines: str):
        (tmp_path / "a.lines").write_text("\n".join(lines))
        return tmp_path / "a.lines"

    return write


def test_a_new_format_is_known_listed_and_read_by_its_one_class(refs, write):
    images = [encoded(noise(20, 30, seed)) for seed in range(3)]
    found = refs(write(*(image.hex() for image in images)))
    assert [ref.key for ref in found] == ["0", "1", "2"]
    fetched = list(fetch_together(found, max_file_bytes=10**6))
    assert [one.data for one in fetched] == images
    assert [one.row.size_bytes for one in fetched] == [len(i) for i in images]
    assert fetch_image(found[2], max_file_bytes=10**6) == fetched[2]


def test_damage_fails_what_lies_behind_it_and_nothing_before(refs, write):
    found = refs(write("00", "damaged", "01"))
    whole, *failed = fetch_together(found, max_file_bytes=10**6)
    assert isinstance(whole, FetchedImage)
    assert [row.uri for row in failed] == [ref.uri for ref in found[1:]]
    assert {row.failure_detail for row in failed} == {"a damaged line"}


def test_a_format_that_yields_too_little_is_a_fault_and_loses_no_image(refs, write):
    found = refs(write("00", "short"))
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(fetch_together(found, max_file_bytes=10**6))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, "TarFormat") for name in ("a.tar", "A.TAR", "a.tar.gz", "a.tgz")),
        *((f"a.tfrecord{end}", "TFRecordFormat") for end in ("", "s", "-0-of-1")),
        ("a.parquet", "ParquetFormat"),
        ("a.lines", "LinesFormat"),
        *((name, "NoneType") for name in ("a.jpg", "tar", "a.tar/b", "a.parquet.x")),
    ],
)
def test_a_shard_is_known_by_its_name(name, expected):
    assert type(formats.shard_format_of(name)).__name__ == expected
