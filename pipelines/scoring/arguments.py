"""The arguments of `musiq score`; light, so that help answers at once."""

import argparse
import sys
from typing import Any

from schemas.programs import ArgumentParser, flags_of, positive, share

_EPILOG = """\
Beam's own options (--runner, --temp_location, ...) are passed through.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 too many images failed, 4 nothing
scored.

Example: musiq score --input photos/ --output ledger/ --model koniq.safetensors
"""


def add_program(programs: Any, name: str) -> None:
    """Add `musiq score` to the subcommands."""
    parser: ArgumentParser = programs.add_parser(
        name,
        help="score photos, one ledger row for every photo",
        description="Score photos and write a ledger: one Parquet row for every "
        "photo, scored or failed with a reason.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--input",
        dest="inputs",
        action="append",
        required=True,
        metavar="X",
        help="a folder, an image, a glob such as 'photos/**/*.jpg', a .txt list of "
        "URIs, or a .csv, .tsv or .parquet manifest; files of images: WebDataset tar "
        "shards, Parquet with image bytes, TFRecords, one or many such as "
        "'shards/{0000..0099}.tar'; on local disk, gs:// or s3://; may be repeated",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="the ledger's folder: new, empty, or a ledger that gets a new state",
    )
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="`builtin`, the small model that comes with the package and is taken if "
        "none is named; a model file (see `musiq models import`), or the folder of a "
        "published model with @latest or a version, such as gs://bucket/koniq@3; a run "
        "keeps the file that it started with. NAME becomes the column musiq_NAME, by "
        "default the name in the model card. May be repeated: photos are decoded once "
        "for all models",
    )
    parser.add_argument(
        "--uri_column",
        default="uri",
        metavar="COLUMN",
        help="column of a manifest that names the images (default: uri)",
    )
    parser.add_argument(
        "--image_column",
        metavar="COLUMN",
        help="column of a Parquet file, or feature of a TFRecord, that holds the "
        "images (default: image, jpg, image/encoded and the like)",
    )
    parser.add_argument(
        "--allow_bucket",
        dest="allow_buckets",
        action="append",
        default=[],
        metavar="BUCKET",
        help="lists may name objects of this bucket, such as gs://photos, besides "
        "those of the buckets of --input and --output; may be repeated",
    )
    parser.add_argument(
        "--jpeg_dct",
        choices=["fast", "accurate"],
        default="fast",
        help="inverse DCT of JPEG decoding; fast gives the published model's pixels "
        "(default: fast)",
    )
    parser.add_argument(
        "--orientation",
        choices=["apply", "ignore"],
        default="apply",
        help="whether EXIF orientation turns the photo upright before it is scored; "
        "the published model ignores it (default: apply)",
    )
    parser.add_argument(
        "--max_pixels",
        type=positive(int),
        default=2**26,
        metavar="N",
        help="larger images fail as too_large, undecoded (default: 67108864)",
    )
    parser.add_argument(
        "--max_tokens",
        type=positive(int),
        metavar="N",
        help="shrink photos that would have more tokens (patches of 32x32 pixels over "
        "all scales), to the largest size of the same shape that has not; the "
        "ledger's shrink_factor says so (default: no photo is shrunk)",
    )
    parser.add_argument(
        "--device",
        choices=["cpu", "gpu", "tpu"],
        default="cpu",
        help="what computes the scores: cpu in float32, or JAX's gpu or tpu with "
        "bfloat16 products, which moves scores slightly (default: cpu)",
    )
    parser.add_argument(
        "--max_file_bytes",
        type=positive(int),
        default=256 * 2**20,
        metavar="N",
        help="larger files fail as too_large, unread (default: 268435456)",
    )
    parser.add_argument(
        "--retry_failed",
        choices=["transient", "all", "none"],
        default="transient",
        help="which failed rows of the ledger are tried again although their files "
        "have not changed (default: transient)",
    )
    parser.add_argument(
        "--vanished",
        choices=["drop", "mark"],
        default="drop",
        help="rows of photos that the inputs no longer name are left out of the new "
        "state, or kept in it with true in the column vanished (default: drop)",
    )
    parser.add_argument(
        "--rescore",
        action="store_true",
        help="score everything, also what has not changed since the last run",
    )
    parser.add_argument(
        "--max_failure_rate",
        type=share,
        default=0.05,
        metavar="R",
        help="publish nothing if a larger share of 100 or more images failed "
        "(default: 0.05)",
    )
    parser.add_argument(
        "--decode_timeout_seconds",
        type=positive(float),
        default=10.0,
        metavar="S",
        help="an image that takes longer to decode fails as timeout (default: 10)",
    )
    parser.add_argument(
        "--workers",
        type=positive(int),
        metavar="N",
        help="local worker processes of the embedded engine (default: the CPU cores; "
        "1 with --device gpu or tpu)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the summary as JSON instead of a table",
    )
    parser.set_defaults(run=_run, flags=flags_of(parser))


def _run(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.models.built_in import BUILT_IN

    if not args.models:
        args.models = [BUILT_IN]
        print(
            "musiq score: no --model given, so the built-in one scores; "
            "`musiq models inspect builtin` tells what it is good for",
            file=sys.stderr,
        )
    from pipelines.heavy_imports import before_heavy_imports

    before_heavy_imports()
    from pipelines.scoring import command

    return command.run(args, rest)
