"""The flags of `musiq select`; light, so that help answers at once."""

from pipelines.selecting.config import SelectingConfig
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program

_EPILOG = """\
Exit codes: 0 done, 1 failed, 2 wrong arguments, 4 nothing is kept, so no list is
written.

Example: musiq select --ledger ledger/ --where "width >= 640" --top_percent 20 \
--output kept.parquet
"""


def _run(config: SelectingConfig, _: EngineArguments) -> int:
    from pipelines.selecting import command

    return command.run(config)


SELECT = Program(
    name="select",
    help="choose the photos to keep by their scores",
    description="Choose photos of a ledger by their scores and by anything else that "
    "it says of them. No photo is read. Conditions come first, in this order: --where, "
    "--min, --max; then one choice, if any.",
    epilog=_EPILOG,
    settings=SelectingConfig,
    run=_run,
    flags=(
        Flag("ledger", "the ledger; FOLDER@3 is its version 3", "DIR[@N]"),
        Flag(
            "output",
            "list of what is kept; its ending says in which form: .parquet, .csv, "
            ".txt, .jsonl, metadata.jsonl, .npy, .json",
            "FILE",
        ),
        Flag(
            "where",
            "a condition in SQL over the columns of the ledger, such as "
            '"width >= 640"; repeatable',
            "SQL",
        ),
        Flag(
            "min",
            "the lowest score that is kept, or its percentile among the ledger's "
            "scores, such as koniq=p90; repeatable",
            "[NAME=]V",
        ),
        Flag("max", "the highest score that is kept, likewise; repeatable", "[NAME=]V"),
        Flag(
            "score",
            "choose by a formula of several models, each from 0 to 1: "
            '"0.7*koniq + 0.3*rank(ava)"',
            "FORMULA",
        ),
        Flag("top_k", "keep the best K", "[NAME=]K"),
        Flag("top_percent", "keep the best P percent, rounded up", "[NAME=]P"),
        Flag("drop_worst", "keep all but the worst P percent", "[NAME=]P%"),
        Flag("sample", "keep N or P percent by chance", "N|P%"),
        Flag(
            "sample_per_bin",
            "keep N by chance of each of --bins equally wide ranges of scores",
            "[NAME=]N",
        ),
        Flag("bins", "ranges of scores for --sample_per_bin; 10 by default", "B"),
        Flag("seed", "of chance: the same seed draws the same photos", "N"),
        Flag(
            "per",
            "choose from each group of rows with the same values here by itself; "
            "repeatable",
            "COLUMN[,COLUMN]",
        ),
        Flag("at_least", "of each group keep N, though the choice keeps fewer", "N"),
        Flag("at_most", "of each group keep no more than N, the best", "N"),
        Flag(
            "cannot_tell",
            "in --rest, tell apart photos whose score is within S of its standard "
            "deviations of the cut",
            "S",
        ),
        Flag("rest", "list of what is not kept, with the reason of each", "FILE"),
        Flag(
            "columns", "columns of the lists; '*' for all; repeatable", "COLUMN[,...]"
        ),
        Flag("explain", "print what each step removes, and what is next to the cut"),
        Flag("dry_run", "print, and write nothing"),
        Flag("json", "print JSON instead of tables"),
        Flag("quiet", "print nothing but errors"),
    ),
)
