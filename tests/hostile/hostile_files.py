"""All generated hostile files, the same ones every time."""

from collections.abc import Iterator
from pathlib import Path

from hostile.bombs import bombs
from hostile.damaged_files import cut_files, lying_files
from hostile.disguised_files import broken_exif, disguised_files
from hostile.hostile_file import SCORED, HostileFile
from hostile.hostile_names import HOSTILE_NAMES
from hostile.seed_pictures import good_png


def hostile_files(canary: Path) -> Iterator[HostileFile]:
    """Yield every file.

    Args:
      canary: A file that comes into being if one of them is run.
    """
    yield from cut_files()
    yield from lying_files()
    yield from bombs()
    yield from disguised_files(canary)
    yield from broken_exif()
    for seed, name in enumerate(HOSTILE_NAMES):
        yield HostileFile(
            name=b"names/" + name, data=good_png(seed), allowed=frozenset({SCORED})
        )
