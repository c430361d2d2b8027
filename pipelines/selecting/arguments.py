"""The flags of `musiq select`; light, so that help answers at once."""

from pipelines.selecting.config import SelectingConfig
from schemas.programs.command_line import refuse_unknown
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program

_EPILOG = """\
With --copy_to the photos are copied first, by a job that takes Beam's own options
(--runner, --temp_location, ...); running again copies what is missing.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 photos were not copied, so no list
is written, 4 nothing is kept, so no list is written.

Example: musiq select --ledger ledger/ --where "width >= 640" --top_percent 20 \
--output kept.parquet
"""


def _run(config: SelectingConfig, engine: EngineArguments) -> int:
    if config.copy_to is None:
        refuse_unknown(engine.own_flags, engine.words)
    else:
        from pipelines.engines.heavy_imports import before_heavy_imports

        before_heavy_imports()
    from pipelines.selecting import command

    return command.run(config, engine)


SELECT = Program(
    name="select",
    help="choose the photos to keep by their scores",
    description="Choose photos of a ledger by their scores and by anything else that "
    "it says of them. No photo is read but to be copied. Conditions come first, in "
    "this order: --where, --min, --max; then one choice, if any.",
    epilog=_EPILOG,
    settings=SelectingConfig,
    run=_run,
    takes_engine_options=True,
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
            "scores, such as koniq=p90, or in its card, koniq=card:p95; repeatable",
            "[NAME=]V",
        ),
        Flag("max", "the highest score that is kept, likewise; repeatable", "[NAME=]V"),
        Flag(
            "dedupe",
            "of near-duplicates keep the best: photos whose PDQ hashes (`musiq score "
            "--measure`) differ in at most BITS of 256; 31 finds copies that were "
            "resized, recompressed, brightened or cropped by 2 %",
            "[NAME=]BITS",
        ),
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
        Flag(
            "copy_to",
            "folder, new or of the same copy, that the kept photos are copied to, each "
            "in the version that was scored",
            "DIR",
        ),
        Flag(
            "copy_as",
            "files by their names; webdataset or parquet shards; training: files and "
            "labels for `musiq prepare csv`",
        ),
        Flag("shard_mib", "photos of a shard", "MIB"),
        Flag("label", "score that is the label of a training set", "NAME|COLUMN"),
        Flag(
            "max_failure_rate",
            "share of the photos that may not be copied before the exit code is 3",
            "RATE",
        ),
        Flag("workers", "local processes that copy (default: the CPU cores)", "N"),
        Flag(
            "calibrate",
            "select nothing; tell precision and recall of cuts from a CSV of uri and "
            "keep (0 or 1), or rating",
            "[NAME=]FILE",
        ),
        Flag("wanted_precision", "propose the cut that has it, such as 0.9", "P"),
        Flag("good_rating", "ratings from this one on are good", "R"),
        Flag("calibration_output", "file for what scores mean (JSON)", "FILE"),
        Flag("calibration", "such a file: adds the column calibrated_NAME", "FILE"),
        Flag(
            "min_calibrated",
            "the lowest such meaning that is kept, such as 0.9 of people keep it",
            "V",
        ),
        Flag("explain", "print what each step removes, and what is next to the cut"),
        Flag("dry_run", "print, and write nothing"),
        Flag("json", "print JSON instead of tables"),
        Flag("quiet", "print nothing but errors"),
    ),
)
