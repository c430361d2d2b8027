"""Sends damaged pictures through the decode child until something gives: `make fuzz`.

Every file must give patches or a failure that decoding may give. Case N of a seed is
always the same file; the first that ends otherwise is saved and ends the run. Damaged
containers and tables have half of the time: `fuzz_containers`.
"""

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from helpers.shared_data import bad_inputs
from hostile.fuzz_containers import fuzz_containers
from hostile.fuzz_report import FuzzReport, save_finding
from hostile.hostile_file import DECODING_FAILURES
from hostile.mutations import mutate
from hostile.seed_pictures import seed_pictures

from musiq_core.config import DecodeConfig, PreprocessingConfig
from musiq_core.images.image_format import ALLOWED_FORMATS
from musiq_core.images.preparation import Preparation, PreparationConfig
from pipelines.decoding.decoder import Decoder
from pipelines.decoding.limits import DEFAULT_LIMITS, DecoderLimits
from schemas.failures import Failure, ImageFailure

# Smaller than a user's: large blank pictures would take most of the time.
_DECODE = DecodeConfig(max_pixels=2**21)
_CONFIG = PreparationConfig(
    preprocessings=(PreprocessingConfig(scales=(64, 96)),), decode=_DECODE
)
_MAX_SEED_BYTES = 2**17


def main() -> int:
    """Run as the arguments say, containers first; 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--first_case", type=int, default=0, help="where to start")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    args = parser.parse_args()
    print(f"SEED={args.seed}", flush=True)
    is_found = False
    for what, run in {"containers": fuzz_containers, "pictures": fuzz}.items():
        started = time.monotonic()
        report = run(
            seconds=args.seconds / 2,
            seed=args.seed,
            first_case=args.first_case,
            findings=args.findings,
        )
        rate = report.cases / (time.monotonic() - started)
        print(f"{what}: {report.cases} cases, {rate:.0f} a second", end="; ")
        print(f"slowest {report.slowest_seconds:.2f} s")
        for outcome, count in Counter(report.outcomes).most_common():
            print(f"  {outcome:20} {count}")
        if report.finding:
            print(f"FINDING: {report.finding}", file=sys.stderr)
            is_found = True
    return 1 if is_found else 0


def fuzz(
    *,
    seconds: float,
    seed: int,
    findings: Path,
    first_case: int = 0,
    limits: DecoderLimits = DEFAULT_LIMITS,
) -> FuzzReport:
    """Try files until the time is over or one ends as none may.

    Args:
      seconds: Wall time.
      seed: Case N of a seed is always the same file.
      findings: Folder for the file of a finding, and for those that took too long; it
        is made when there is one.
      first_case: Number of the first case.
      limits: What one file may cost.
    """
    corpus = [*seed_pictures().values(), *_small_bad_inputs()]
    outcomes: Counter[str] = Counter()
    slowest, case, finding = 0.0, first_case, None
    decoder = Decoder(_CONFIG, limits)
    give_up_at = time.monotonic() + seconds
    try:
        while finding is None and time.monotonic() < give_up_at:
            data = damaged_file(corpus, seed=seed, case=case)
            started = time.monotonic()
            outcome, wrong = judge(decoder, data)
            outcomes[outcome] += 1
            slowest = max(slowest, time.monotonic() - started)
            if wrong or outcome == Failure.TIMEOUT:
                path = save_finding(findings, data, f"seed-{seed}-case-{case}")
                finding = wrong and f"{wrong}; see {path} (SEED={seed}, case {case})"
            case += 1
    finally:
        decoder.close()
    return FuzzReport(
        seed=seed, outcomes=outcomes, slowest_seconds=slowest, finding=finding
    )


def damaged_file(corpus: Sequence[bytes], *, seed: int, case: int) -> bytes:
    """Return one case's file."""
    random = np.random.default_rng([seed, case])
    return mutate(corpus[int(random.integers(len(corpus)))], corpus, random)


def judge(decoder: Decoder, data: bytes) -> tuple[str, str | None]:
    """Return what became of a file, and what is wrong with that, if anything is."""
    try:
        preparation = decoder.prepare(data)
    except ImageFailure as failure:
        allowed = failure.failure in DECODING_FAILURES
        wrong = None if allowed else f"{failure.failure}: {failure.detail}"
        return failure.failure.value, wrong
    except Exception as error:  # nothing else may leave the decoder
        return type(error).__name__, repr(error)
    return "patches", _wrong_with(preparation)


def _wrong_with(preparation: Preparation) -> str | None:
    facts = preparation.facts
    [patches] = preparation.patches
    checks = {
        "format": facts.format in (*ALLOWED_FORMATS, "MPO", "HEIF", "JXL"),
        "pixels": 1 <= facts.width * facts.height <= _DECODE.max_pixels,
        "orientation": 1 <= facts.orientation <= 8,
        "frames": facts.frames >= 1,
        "tokens": patches.token_count == facts.tokens >= 1,
        "values": bool((abs(patches.normalized()) <= 1.001).all()),
    }
    broken = [name for name, holds in checks.items() if not holds]
    return f"the image has impossible {', '.join(broken)}: {facts}" if broken else None


def _small_bad_inputs() -> list[bytes]:
    return [b.data for b in bad_inputs() if 0 < len(b.data) <= _MAX_SEED_BYTES]


if __name__ == "__main__":
    sys.exit(main())
