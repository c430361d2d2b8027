"""The flags of `musiq prepare`; light, so that help answers at once."""

import textwrap

from pipelines.preparing.config import PreparingRequest
from pipelines.preparing.datasets import DATA_SETS, DataSetName
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program

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


def _expected(name: DataSetName) -> str:
    indent = " " * 12
    lines = textwrap.wrap(
        DATA_SETS[name].expects, 76, break_on_hyphens=False, break_long_words=False
    )
    return f"  {name:<9} " + f"\n{indent}".join(lines)


def _run(request: PreparingRequest, engine: EngineArguments) -> int:
    from pipelines.engines.heavy_imports import before_heavy_imports

    before_heavy_imports()
    from pipelines.preparing import command

    return command.run(request, engine)


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
