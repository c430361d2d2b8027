"""The flags of `musiq prepare`; light, so that help answers at once."""

import dataclasses
import textwrap

from pipelines.preparing.config import PreparingConfig, SplitChoice
from pipelines.preparing.datasets import DATA_SETS, DataSetName
from schemas.programs.flags import Flag
from schemas.programs.program import Program

_EPILOG = """\
What must lie in --input for each DATASET (more in pipelines/preparing/README.md):

{expected}

The output holds ArrayRecord shards and, written last, dataset.json. The same input
gives the same bytes. Labelled images without a file, or that cannot be decoded, are
left out and counted.

Beam's own options (--runner, --temp_location, ...) are passed through.

Exit codes: 0 done, 1 failed, 2 wrong arguments or a release that cannot be prepared.

Example: musiq prepare koniq10k --input koniq10k/ --output prepared/koniq10k
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparingRequest:
    """What was asked of `musiq prepare`; each field is a flag.

    Attributes:
      dataset: Which data set it is.
      input: Name of the release's folder.
      output: Name of the shards' folder.
      split: Which images are for training, and which for tests.
      seed: Decides a random split.
      scale: Lowest and highest score that a csv allows.
      lower_is_better: Whether a csv's scores tell distortion.
      name: Name on the card; None means the data set's, or the folder's.
      licence: Terms on the card; None means those that are known.
      examples_per_shard: Most examples of a shard.
      workers: Local worker processes; None means one a core.
      json: Whether the counts are JSON.
    """

    dataset: DataSetName
    input: str
    output: str
    split: SplitChoice = PreparingConfig.split
    seed: int = PreparingConfig.seed
    scale: tuple[float, float] | None = None
    lower_is_better: bool = False
    name: str | None = None
    licence: str | None = None
    examples_per_shard: int = PreparingConfig.examples_per_shard
    workers: int | None = None
    json: bool = False

    def __post_init__(self):
        for name in ("examples_per_shard", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be positive, got {value}")
        if self.scale is None:
            if self.lower_is_better:
                raise ValueError("--lower_is_better needs --scale LOW HIGH")
        elif not self.scale[0] < self.scale[1]:
            low, high = self.scale
            raise ValueError(f"--scale must ascend, got {low:g} {high:g}")


def _expected(name: DataSetName) -> str:
    indent = " " * 12
    lines = textwrap.wrap(
        DATA_SETS[name].expects, 76, break_on_hyphens=False, break_long_words=False
    )
    return f"  {name:<9} " + f"\n{indent}".join(lines)


def _run(request: PreparingRequest, rest: list[str]) -> int:
    from pipelines.heavy_imports import before_heavy_imports

    before_heavy_imports()
    from pipelines.preparing import command

    return command.run(request, rest)


PREPARE = Program(
    name="prepare",
    help="turn a labelled data set into shards for training",
    description="Turn a labelled data set, as it is released, into shards for "
    "`musiq-train`.",
    epilog=_EPILOG.format(expected="\n".join(map(_expected, DATA_SETS))),
    settings=PreparingRequest,
    run=_run,
    takes_engine_options=True,
    flags=(
        Flag(
            "dataset", f"one of {', '.join(DATA_SETS)}", "DATASET", is_positional=True
        ),
        Flag(
            "input",
            "the folder of the release; on local disk, gs:// or s3://",
            "DIR",
        ),
        Flag(
            "output",
            "the folder of the shards: new, empty, or the same data set again, which "
            "is compared then",
            "DIR",
        ),
        Flag(
            "split",
            "release: the data set's own split, or a random one if it has none; "
            "random: 80 % of the images (or groups of them) for train, the rest for "
            "test; train, validation or test: everything there",
        ),
        Flag("seed", "decides a random split", "N"),
        Flag(
            "scale",
            "lowest and highest score that the column mos of a csv allows",
            ("LOW", "HIGH"),
        ),
        Flag("lower_is_better", "the scores of a csv tell distortion, not quality"),
        Flag(
            "name",
            "name on the card (default: DATASET; for csv the input folder's name)",
            "NAME",
        ),
        Flag("licence", "terms on the card (default: as known)", "TEXT"),
        Flag(
            "examples_per_shard",
            "most examples of a shard; ImageNet has a shard for each of its files",
            "N",
        ),
        Flag(
            "workers",
            "local worker processes of the embedded engine (default: the CPU cores)",
            "N",
        ),
        Flag("json", "print the counts as JSON instead of lines"),
    ),
)
