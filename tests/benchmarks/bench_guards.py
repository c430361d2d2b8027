"""What the guards of decoding cost.

How much dearer is an ordinary photo because it is decoded in a child process? How much
of a job's throughput do slow files take, until they are killed?
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from musiq_core.config import published_config
from musiq_core.images.patches import Patches
from musiq_core.images.preparation import PreparationConfig, prepare
from musiq_core.model_files.model_file import read_model_file
from musiq_core.programs.packed.scorer import PackedScorer
from pipelines.decoding.decoder import Decoder
from pipelines.decoding.limits import DEFAULT_LIMITS
from schemas.failures import ImageFailure
from tests.benchmarks.make_photos import photo
from tests.benchmarks.table import Row
from tests.helpers.tiny_models import tiny_model_file
from tests.hostile.bombs import slow_jpeg
from tests.hostile.hostile_file import SCORED

_CONFIG = published_config()
_SIZES = ((480, 640), (768, 1024))
_SLOW_SHARE = 0.001
_DISTINCT_PHOTOS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotoCost:
    """Seconds for one photo.

    Attributes:
      here: Decoding and cutting patches in this process.
      child: The same by the decode child.
      scoring: Scoring it in one thread, batched as the job batches.
    """

    here: float
    child: float
    scoring: float

    @property
    def overhead_share(self) -> float:
        """The child's surcharge as a share of what the photo costs a worker."""
        return (self.child - self.here) / (self.child + self.scoring)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlowCost:
    """Seconds that one slow file takes from a worker, its child's restart included.

    Attributes:
      outcome: What became of the file.
      seconds: The cost.
    """

    outcome: str
    seconds: float

    def throughput_loss(self, photo_seconds: float) -> float:
        """Share of throughput lost when 0.1 % of a job's files are like this one.

        A worker scores nothing while it waits for its child; workers are loaded alike.
        """
        others = (1 - _SLOW_SHARE) * photo_seconds
        return 1 - photo_seconds / (others + _SLOW_SHARE * self.seconds)


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Return the rows of the table."""
    del folder
    rounds, count = (1, 8) if quick else (5, 32)
    config = PreparationConfig(preprocessings=(_CONFIG.preprocessing,))
    decoder = Decoder(config, DEFAULT_LIMITS)
    try:
        costs = photo_costs(decoder, rounds=rounds, count=count)
        slow = slow_cost(decoder, slow_jpeg(), photo(*_SIZES[0], 0), min(rounds, 2))
    finally:
        decoder.close()
    rows = []
    for (height, width), cost in costs.items():
        name = f"{width}x{height}"
        loss = slow.throughput_loss(cost.child + cost.scoring)
        rows += [
            (f"{name}: decode and patches in this process", _ms(cost.here), ""),
            (f"{name}: the same by the decode child", _ms(cost.child), ""),
            (f"{name}: scoring", _ms(cost.scoring), ""),
            (
                f"{name}: surcharge of the child over a photo's cost",
                f"{cost.overhead_share:.1%}",
                "3 %",
            ),
            (
                f"{name}: throughput lost to 0.1 % of slow files, computed",
                f"{loss:.1%}",
                "15 %",
            ),
        ]
    return [*rows, (f"a slow file ends as {slow.outcome} after", _s(slow.seconds), "")]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms"


def _s(seconds: float) -> str:
    return f"{seconds:.1f} s"


def photo_costs(
    decoder: Decoder, *, rounds: int, count: int
) -> dict[tuple[int, int], PhotoCost]:
    """Return the cost of a photo of each size; the three ways alternate."""
    scorer = PackedScorer(read_model_file(tiny_model_file(_CONFIG, name="published")))
    config = PreparationConfig(preprocessings=(_CONFIG.preprocessing,))
    costs = {}
    for size in _SIZES:
        distinct = [photo(*size, seed) for seed in range(_DISTINCT_PHOTOS)]
        files = [distinct[n % _DISTINCT_PHOTOS] for n in range(count)]
        patches = [prepare(data, config).patches[0] for data in files]
        decoder.prepare(files[0])
        score_all(scorer, patches)  # compiles
        ways: dict[str, Callable[[], object]] = {
            "here": lambda files=files: [prepare(data, config) for data in files],
            "child": lambda files=files: [decoder.prepare(data) for data in files],
            "scoring": lambda patches=patches: score_all(scorer, patches),
        }
        seconds = {name: [] for name in ways}
        for _ in range(rounds):
            for name, work in ways.items():
                seconds[name].append(timed(work) / count)
        costs[size] = PhotoCost(**{n: statistics.median(s) for n, s in seconds.items()})
    return costs


def score_all(scorer: PackedScorer, patches: Sequence[Patches]) -> None:
    """Score images in the batches that the job would make of them."""
    batcher = scorer.new_batcher()
    for one in patches:
        if batch := batcher.add(one, one.token_count):
            scorer.score(batch)
    for batch in batcher.flush():
        scorer.score(batch)


def slow_cost(decoder: Decoder, slow: bytes, good: bytes, rounds: int) -> SlowCost:
    """Return what a slow file adds between two ordinary ones."""
    outcome, seconds = SCORED, []
    for _ in range(rounds):
        ordinary = timed(lambda: [decoder.prepare(good) for _ in range(2)])
        started = time.perf_counter()
        try:
            decoder.prepare(slow)
        except ImageFailure as failure:
            outcome = failure.failure.value
        decoder.prepare(good)
        seconds.append(time.perf_counter() - started - ordinary / 2)
    return SlowCost(outcome=outcome, seconds=statistics.median(seconds))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
