"""The least that scoring files costs: read, prepare and score in one plain loop.

A program of its own, which prints JSON: seconds by part for the files it is given.
"""

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path

os.environ.update(NPROC="1", OPENBLAS_NUM_THREADS="1", JAX_PLATFORMS="cpu")

from pipelines.engines.embedded.compilation_cache import use_compilation_cache

use_compilation_cache()

from musiq_core.images.patches import Patches
from musiq_core.images.preparation import PreparationConfig, prepare
from musiq_core.model_files.model_file import read_model_file
from musiq_core.programs.batching import TokenBatcher
from musiq_core.programs.packed.scorer import PackedScorer


def main() -> None:
    """Score the files and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("files", type=Path, nargs="+")
    args = parser.parse_args()
    scorer = PackedScorer(read_model_file(args.model.read_bytes()))
    started = time.perf_counter()
    scorer.compile()
    seconds = Counter(compile=time.perf_counter() - started)
    config = PreparationConfig(preprocessings=(scorer.model.config.preprocessing,))
    batcher = TokenBatcher[Patches]()

    def score(batch: list[Patches]) -> None:
        if batch:
            begun = time.perf_counter()
            scorer.score(batch)
            seconds["score"] += time.perf_counter() - begun

    for file in args.files:
        begun = time.perf_counter()
        data = file.read_bytes()
        read = time.perf_counter()
        patches = prepare(data, config).patches[0]
        seconds.update(read=read - begun, prepare=time.perf_counter() - read)
        score(batcher.add(patches, patches.token_count))
    for batch in batcher.flush():
        score(batch)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
