"""Lists and reads damaged containers and tables, in a process that may die of one.

Every file must be refused in one line, or give refs of which each gives bytes or a
failure that reading may give.
"""

import concurrent.futures
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from hostile.fuzz_report import FuzzReport, save_finding
from hostile.mutations import mutate
from hostile.seed_containers import seed_containers, with_right_checksums

from pipelines.scoring.image_ref import ImageRef
from pipelines.scoring.input import InputError
from pipelines.scoring.inputs import list_input, resolve_inputs
from pipelines.scoring.reading.fetch import FetchedImage, fetch_image
from pipelines.scoring.shards.list_shard import list_shard
from pipelines.scoring.shards.shard import Shard
from pipelines.storage import StorageError
from schemas.failures import Failure

_MEMORY_BYTES = 4 << 30
_CASE_SECONDS = 30
_MAX_REFS = 2000
_MAX_FILE_BYTES = 1 << 22
_FAILURES = frozenset(
    [
        *(Failure.EMPTY, Failure.TRUNCATED, Failure.NOT_AN_IMAGE, Failure.TOO_LARGE),
        *(Failure.UNREADABLE, Failure.READ_ERROR, Failure.NOT_FOUND),
        *(Failure.FORBIDDEN_URI, Failure.UNSAFE_NAME),
    ]
)


def fuzz_containers(
    *, seconds: float, seed: int, findings: Path, first_case: int = 0
) -> FuzzReport:
    """Try files until the time is over or one ends as none may.

    Args:
      seconds: Wall time.
      seed: Case N of a seed is always the same file.
      findings: Folder for the file of a finding; it is made when there is one.
      first_case: Number of the first case.
    """
    outcomes: Counter[str] = Counter()
    slowest, case, finding = 0.0, first_case, None
    give_up_at = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder, _judge_process() as process:
        while finding is None and time.monotonic() < give_up_at:
            name, data = damaged_container(seed=seed, case=case)
            started = time.monotonic()
            try:
                outcome, wrong = process.submit(judge, folder, name, data).result(
                    _CASE_SECONDS
                )
            except concurrent.futures.BrokenExecutor as error:
                outcome, wrong = "died", f"the process died: {error}"
            except TimeoutError:
                outcome, wrong = "hung", f"no answer in {_CASE_SECONDS} s"
                _kill(process)
            outcomes[outcome] += 1
            slowest = max(slowest, time.monotonic() - started)
            if wrong:
                path = save_finding(findings, data, f"seed-{seed}-case-{case}-{name}")
                finding = f"{wrong}; see {path} (SEED={seed}, case {case})"
            case += 1
    return FuzzReport(
        seed=seed, outcomes=outcomes, slowest_seconds=slowest, finding=finding
    )


def damaged_container(*, seed: int, case: int) -> tuple[str, bytes]:
    """Return one case's file and its name."""
    random = np.random.default_rng([seed, case])
    corpus = seed_containers()
    name = list(corpus)[int(random.integers(len(corpus)))]
    data = mutate(corpus[name], list(corpus.values()), random)
    # Else most faults would end at a checksum.
    return name, with_right_checksums(name, data) if random.random() < 0.7 else data


def judge(folder: str, name: str, data: bytes) -> tuple[str, str | None]:
    """Return what became of a file, and what is wrong with that, if anything is."""
    path = Path(folder, name)
    path.write_bytes(data)
    try:
        return _judge(path)
    except (InputError, StorageError) as error:
        wrong = None if str(error).isprintable() else f"more than a line: {error!r}"
        return "refused", wrong
    except Exception as error:  # nothing else may come of a file
        return type(error).__name__, repr(error)
    finally:
        path.unlink()


def _judge(path: Path) -> tuple[str, str | None]:
    [one] = resolve_inputs([str(path)], uri_column="uri")
    count = 0
    for named in list_input(one):
        for ref in list_shard(named) if isinstance(named, Shard) else [named]:
            count += 1
            if count > _MAX_REFS:
                return "many refs", None
            wrong = _wrong_with(ref) if isinstance(ref, ImageRef) else None
            if wrong:
                return "wrong", f"{wrong} of {ref}"
    return "listed", None


def _wrong_with(ref: ImageRef) -> str | None:
    ref.uri.encode()
    if ref.part is None:
        return None
    fetched = fetch_image(ref, max_file_bytes=_MAX_FILE_BYTES)
    if isinstance(fetched, FetchedImage) or fetched.failure in _FAILURES:
        return None
    return f"the failure {fetched.failure}: {fetched.failure_detail}"


def _judge_process() -> concurrent.futures.ProcessPoolExecutor:
    return concurrent.futures.ProcessPoolExecutor(
        max_workers=1,
        mp_context=multiprocessing.get_context("forkserver"),
        initializer=resource.setrlimit,
        initargs=(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES)),
    )


def _kill(process: concurrent.futures.ProcessPoolExecutor) -> None:
    for one in (process._processes or {}).values():
        one.kill()
