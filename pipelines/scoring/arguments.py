"""The flags of `musiq score`; light, so that help answers at once."""

from collections.abc import Mapping
from typing import Any

from pipelines.scoring.config import ScoringConfig
from schemas.programs.flags import Flag
from schemas.programs.program import EngineArguments, Program

_EPILOG = """\
Beam's own options (--runner, --temp_location, ...) are passed through.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 too many images failed or vanished,
4 nothing scored.

Example: musiq score --input photos/ --output ledger/ --model koniq.safetensors
"""
# What a template lets through where the type does not say it; workers of Dataflow have
# no credentials for s3://.
_URI = r"(gs|gcs)://[a-z0-9].+"
_MODEL = rf"([A-Za-z0-9_-]+=)?({_URI}|builtin)"
_BUCKET = r"(gs|gcs)://[^/\s\"]+/?"
_RATE = r"^(0(\.[0-9]+)?|1(\.0+)?)$"


def _one_or_list(item: str) -> str:
    """Return the expression of a text, or of a JSON list of such texts."""
    quoted = '\\"' + item.replace(".+", r"[^\"]+") + '\\"'
    return rf"^({item}|\[\s*{quoted}(\s*,\s*{quoted})*\s*\])$"


def _run(config: ScoringConfig, engine: EngineArguments) -> int:
    from pipelines.engines.heavy_imports import before_heavy_imports

    before_heavy_imports()
    from pipelines.scoring import command

    return command.run(config, engine)


def _recall(output: str) -> Mapping[str, Any]:
    from pipelines.scoring.asked import recall_asked

    return recall_asked(output)


SCORE = Program(
    name="score",
    help="score photos, one ledger row for every photo",
    description="Score photos and write a ledger: one Parquet row for every "
    "photo, scored or failed with a reason.",
    epilog=_EPILOG,
    settings=ScoringConfig,
    run=_run,
    recall=_recall,
    takes_engine_options=True,
    flags=(
        Flag(
            "input",
            "a folder, an image, a glob such as 'photos/**/*.jpg', a .txt list of "
            "URIs, or a .csv, .tsv or .parquet manifest; files of images: WebDataset "
            "tar shards, Parquet with image bytes, TFRecords, one or many such as "
            "'shards/{0000..0099}.tar'; on local disk, gs:// or s3://; may be repeated",
            "X",
            template_regex=_one_or_list(_URI),
        ),
        Flag(
            "output",
            "the ledger's folder: new, empty, or a ledger that gets a new state",
            "DIR",
            template_regex=rf"^{_URI}$",
        ),
        Flag(
            "model",
            "`builtin`, the small model that comes with the package and is taken if "
            "none is named; a model file (see `musiq models import`), or the folder of "
            "a published model with @latest or a version, such as gs://bucket/koniq@3; "
            "a run keeps the file that it started with. NAME becomes the column "
            "musiq_NAME, by default the name in the model card. May be repeated: "
            "photos are decoded once for all models",
            "[NAME=]FILE",
            template_regex=_one_or_list(_MODEL),
        ),
        Flag(
            "uri_column",
            "column of a manifest that names the images",
            "COLUMN",
        ),
        Flag(
            "image_column",
            "column of a Parquet file, or feature of a TFRecord, that holds the "
            "images (default: image, jpg, image/encoded and the like)",
            "COLUMN",
        ),
        Flag(
            "include",
            "try only what a pattern matches, such as '*.{jpg,png}', '2024/**' or "
            "'thumbs/': names below a folder or the fixed part of a glob, in an "
            "archive, or as a list has them; without a slash, the last part of a name; "
            "may be repeated",
            "PATTERN",
        ),
        Flag(
            "exclude",
            "leave out what a pattern matches, also of what --include does; may be "
            "repeated",
            "PATTERN",
        ),
        Flag("ignore_case", "--include and --exclude match letters of either case"),
        Flag(
            "all_files",
            "try every file of a folder; without it, what lies beside photos and is "
            "known to be none (.DS_Store, ._*, .xmp, videos, texts, ...) is left out "
            "and counted",
        ),
        Flag(
            "follow_links",
            "follow links that lead out of the folder they are in; without it, these "
            "are left out and counted",
        ),
        Flag(
            "limit",
            "try the first N images only and end the listing there, to try things out; "
            "never into a ledger that has more",
            "N",
        ),
        Flag(
            "sample",
            "try N images only, chosen by a hash of their URIs, so that it is the same "
            "choice every night; all are listed; never into a ledger that has more",
            "N",
        ),
        Flag(
            "allow_bucket",
            "lists may name objects of this bucket, such as gs://photos, besides "
            "those of the buckets of --input and --output; may be repeated",
            "BUCKET",
            template_regex=_one_or_list(_BUCKET),
        ),
        Flag(
            "jpeg_dct",
            "inverse DCT of JPEG decoding; fast gives the published model's pixels",
        ),
        Flag(
            "orientation",
            "whether EXIF orientation turns the photo upright before it is scored; "
            "the published model ignores it",
        ),
        Flag(
            "color_profile",
            "whether a photo's ICC profile turns it into sRGB before it is scored; "
            "the published model ignores it",
        ),
        Flag("max_pixels", "larger images fail as too_large, undecoded", "N"),
        Flag(
            "max_tokens",
            "shrink photos that would have more tokens (patches of 32x32 pixels over "
            "all scales), to the largest size of the same shape that has not; the "
            "ledger's shrink_factor says so (default: no photo is shrunk)",
            "N",
        ),
        Flag(
            "measure",
            "measure every photo besides: sharpness, brightness, contrast, entropy, "
            "colorfulness, clipped shares, noise, and a PDQ hash that tells "
            "near-duplicates; scores do not change (default: as in the ledger's last "
            "run; a configuration ends it by measure = false)",
        ),
        Flag(
            "device",
            "what computes the scores: cpu in float32, or JAX's gpu or tpu with "
            "bfloat16 products, which moves scores slightly",
        ),
        Flag("max_file_bytes", "larger files fail as too_large, unread", "N"),
        Flag(
            "retry_failed",
            "which failed rows of the ledger are tried again although their files "
            "have not changed",
        ),
        Flag(
            "verify_content",
            "keep the row of a local file only if its bytes are those that were "
            "scored: every file is read, and need not have the change time and inode "
            "that it had; for disks without these, and for folders copied anew",
            is_local=True,
        ),
        Flag(
            "vanished",
            "rows of photos that the inputs no longer name are left out of the new "
            "state, or kept in it with true in the column vanished (default: as in the "
            "ledger's last run; drop in a new ledger)",
        ),
        Flag(
            "rescore",
            "score everything, also what has not changed since the last run",
        ),
        Flag(
            "max_failure_rate",
            "publish nothing if a larger share of the newly tried images failed: of "
            "100 or more, or of 20 or more beyond chance (default: as in the ledger's "
            "last run; 0.05 in a new ledger)",
            "R",
            template_regex=_RATE,
        ),
        Flag(
            "max_vanished_rate",
            "publish nothing if the inputs no longer name a larger share of the photos "
            "of a ledger of 20 or more, whose rows would be dropped (default: as in "
            "the ledger's last run; 0.2 in a new ledger)",
            "R",
            template_regex=_RATE,
        ),
        Flag(
            "decode_timeout_seconds",
            "an image that takes longer to decode fails as timeout",
            "S",
        ),
        Flag("rows_per_shard", "rows of one Parquet file of the ledger, about", "N"),
        Flag(
            "workers",
            "local worker processes of the embedded engine (default: the CPU cores; "
            "1 with --device gpu or tpu)",
            "N",
            is_local=True,
        ),
        Flag(
            "json",
            "print one JSON object instead of a table, also if the run fails; "
            "schemas/score_report.schema.json says what it holds",
            is_local=True,
        ),
        Flag(
            "quiet",
            "print nothing but errors, and the JSON if that is asked for",
            is_local=True,
        ),
    ),
)
