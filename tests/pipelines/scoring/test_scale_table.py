"""Elements and side inputs at a billion photos, measured, are what the page says."""

import datetime
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
from apache_beam.coders import FastPrimitivesCoder

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.listing import ListingCounts
from pipelines.scoring.planning.plan import PlanCounts
from pipelines.scoring.planning.plan_shards import PARTS_OF_MANY
from pipelines.scoring.writing.score_quantiles import sample_scores
from pipelines.scoring.writing.shard_summary import ShardSummary
from pipelines.scoring.writing.write import shard_count_for
from pipelines.storage import StoredObject
from schemas.delta.stats import file_stats
from schemas.ledger import LedgerRow, Score
from schemas.left_out import LeftOut
from schemas.manifest import LedgerFile

PAGE = Path(__file__).parents[3] / "pipelines" / "scoring" / "README.md"
PHOTOS = 1_000_000_000
ROWS_PER_SHARD = 100_000
TIME = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
CODER = FastPrimitivesCoder()  # what Beam takes for objects of ours


def ref(number: int) -> ImageRef:
    name = f"2026/01/02/camera-0000/IMG_20260102_030405_{number:07d}.jpg"
    uri = f"gs://bucket/photos/{name}"
    listed = StoredObject(
        uri=uri,
        size_bytes=200_000 + number,
        generation=f"17{number:014d}",
        modified_at=TIME,
    )
    return ImageRef(uri=uri, key=name, order=(0, number), listed=listed)


def row(number: int) -> LedgerRow:
    found = ref(number).row()
    return LedgerRow(
        uri=found.uri,
        key=found.key,
        size_bytes=found.size_bytes,
        generation=found.generation,
        modified_at=TIME,
        sha256=f"{number:064x}",
        format="JPEG",
        width=1024,
        height=768,
        frames=1,
        orientation=1,
        scores=(Score(value=61.2),),
        tokens=600,
    )


def summary(shard: int, shard_count: int) -> ShardSummary:
    scores = np.random.default_rng(shard).normal(50, 10, 1000)
    part = f"part-{shard:05d}-of-{shard_count:05d}-0123456789abcdef.parquet"
    name = f"runs/20260102T030405Z-0123abcd/{part}"
    written = pa.table(
        {
            "uri": [ref(shard).uri, ref(shard + 1).uri],
            "status": ["scored", "failed"],
            "tokens": [600, None],
            "musiq_koniq": [scores[0], None],
        }
    )
    return ShardSummary(
        file=LedgerFile(
            path=name, shard=shard, rows=61_035, size_bytes=6 << 20, sha256="0" * 64
        ),
        scored=61_035,
        new_failures={"truncated": 3, "not_an_image": 2},
        kept=0,
        vanished=0,
        unpublished=61_035,
        unpublished_failures={"truncated": 3, "not_an_image": 2},
        failures={"truncated": 3, "not_an_image": 2},
        samples={"koniq": sample_scores(scores, shard_count=shard_count)},
        stats=file_stats(written, written.column_names),
    )


def held_bytes(make, count: int = 5000) -> float:
    """What one object takes in a process that has decoded many."""
    coded = [CODER.encode(make(number)) for number in range(count)]
    tracemalloc.start()
    try:
        held = [CODER.decode(one) for one in coded]
        return tracemalloc.get_traced_memory()[0] / len(held)
    finally:
        tracemalloc.stop()


def coded_bytes(element: object) -> int:
    return len(CODER.encode(element))


def measured() -> dict[str, tuple[float, float, float]]:
    """How many there are, bytes of each on the wire, MiB that one process holds."""
    shards = shard_count_for(PHOTOS, ROWS_PER_SHARD)
    counts = ListingCounts(
        named=PHOTOS,
        left_out=tuple(LeftOut(reason=f"reason {n}", count=n) for n in range(20)),
    )
    in_part, in_shard = PHOTOS / PARTS_OF_MANY, PHOTOS / shards
    of_summary = coded_bytes(summary(0, shards))
    held_summary = held_bytes(lambda n: summary(n, shards), 200)
    mib = 2**20
    return {
        "ref": (PHOTOS, coded_bytes(ref(1)), held_bytes(ref) / mib),
        "part of the plan": (
            PARTS_OF_MANY,
            in_part * coded_bytes(ref(1)),
            in_part * held_bytes(ref) / mib,
        ),
        "ledger row": (PHOTOS, coded_bytes(row(1)), held_bytes(row) / mib),
        "shard of the ledger": (
            shards,
            in_shard * coded_bytes(row(1)),
            in_shard * held_bytes(row) / mib,
        ),
        "summaries of shards, a side input": (
            shards,
            of_summary,
            shards * held_summary / mib,
        ),
        "counts, side inputs": (
            2,
            coded_bytes(counts) + coded_bytes(PlanCounts(examples=("a" * 70,) * 2)),
            0.0,
        ),
    }


def said() -> dict[str, tuple[float, float, float]]:
    """The same, as the page has it."""
    section = PAGE.read_text().partition("## A billion photos")[2]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[\d,]+", cells[1]):
            numbers = [float(cell.replace(",", "")) for cell in cells[1:4]]
            found[cells[0]] = (numbers[0], numbers[1], numbers[2])
    return found


def test_the_table_at_a_billion_photos_says_what_is_measured():
    found, table = measured(), said()
    assert table.keys() == found.keys()
    for what, numbers in found.items():
        for measure, on_page in zip(numbers, table[what], strict=True):
            assert abs(measure - on_page) <= 0.25 * on_page + 0.01, (what, numbers)


def test_no_process_holds_more_than_a_worker_of_four_gib_has():
    assert max(held for _, _, held in measured().values()) < 2048
