"""`make bench`: measure, print the tables, and write them to RESULTS.md.

Each benchmark is a section of its own, so that one can be repeated alone:
`python -m tests.benchmarks.bench forms`.
"""

import argparse
import importlib
import os
import tempfile
from pathlib import Path

# One thread a process, as in the job. JAX reads it when the first section imports it.
os.environ.update(NPROC="1", OPENBLAS_NUM_THREADS="1", JAX_PLATFORMS="cpu")

from tests.benchmarks.table import section, write_section

SECTIONS = {
    "job": ("The whole job", ""),
    "forms": (
        "The model alone, beside other forms of it",
        "One thread on one core. As published: with padding slots, textbook group norm "
        "and pooling. ONNX Runtime has the graph that jax2onnx makes of our Linen "
        "model, at fixed size. The goals do not say which plain form they mean, "
        "so both have them: the published arrangement, and our Linen model, which is "
        "quicker than that.",
    ),
    "memory": ("Many small photos", "Photos of about 128x96 pixels."),
    "large": ("Large photos", "One worker."),
    "guards": ("What the guards of decoding cost", ""),
    "planning": ("Planning", "All inputs are in the ledger and unchanged."),
    "slices": (
        "A job in slices",
        "Refs come by a list with generations, so that nothing is looked up.",
    ),
    "journal": ("Journals", "A run goes on where one of the same size has failed."),
    "select": (
        "Selecting photos",
        "Time and most memory of a process of its own, imports included.",
    ),
    "duplicates": (
        "Near-duplicates",
        "Made hashes, 15 in 100 of them copies; a process each.",
    ),
    "lists": (
        "Lists of what was selected, and the plan of a copy",
        "Rows of seven columns, made by the same process, which takes a half of the "
        "time; their columns are those that pin a photo, a uid and a score.",
    ),
    "bfloat16": (
        "What bfloat16 moves",
        "The accelerators' program, run on the CPU, with the golden (random) "
        "parameters; photos are capped at 1,000 tokens.",
    ),
}


def main() -> None:
    """Measure the named sections, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--quick", action="store_true", help="small, and not written")
    args = parser.parse_args()
    if unknown := set(args.sections) - set(SECTIONS):
        parser.error(
            f"no such section: {min(unknown)}; there are {', '.join(SECTIONS)}"
        )
    for name in args.sections or (["job"] if args.quick else SECTIONS):
        title, note = SECTIONS[name]
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        with tempfile.TemporaryDirectory(prefix="musiq-bench-") as folder:
            text = section(title, module.run(Path(folder), quick=args.quick), note)
        print(text, flush=True)
        if not args.quick:
            write_section(text)


if __name__ == "__main__":
    main()
