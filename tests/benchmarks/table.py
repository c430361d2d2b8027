"""RESULTS.md: one section a benchmark, replaced when that benchmark runs again."""

import datetime
import importlib.metadata
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
_PACKAGES = ("apache-beam", "jax", "numpy", "pillow", "pyarrow", "simplejpeg")
_HEADER = """# Measured by `make bench`

Float32 on the CPU unless a row says otherwise, published model size, random parameters,
synthetic photos. Rates are medians of interleaved rounds of one run. Nothing here was
measured on a GPU or TPU.
"""

Row = tuple[str, str, str]
"""What was measured, the figure, and what was asked for."""


def section(title: str, rows: Sequence[Row], note: str = "") -> str:
    """Return a section with the machine, versions and date."""
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in _PACKAGES)
    machine = f"{os.cpu_count()} cores, {_processor()}, {platform.system()}"
    lines = [
        f"## {title}",
        "",
        f"{datetime.date.today()}; {machine}; Python {platform.python_version()}, "
        f"{versions}.{' ' if note else ''}{note}",
        "",
        "| what | figure | asked for |",
        "| --- | --- | --- |",
        *(f"| {what} | {figure} | {goal} |" for what, figure, goal in rows),
    ]
    return "\n".join(lines) + "\n"


def write_section(text: str) -> None:
    """Put a section into RESULTS.md in place of the one with its title."""
    title = text.splitlines()[0]
    old = RESULTS.read_text() if RESULTS.exists() else ""
    sections = re.split(r"^(?=## )", old, flags=re.MULTILINE)[1:]
    others = [s.rstrip() + "\n" for s in sections if s.splitlines()[0] != title]
    RESULTS.write_text("\n".join([_HEADER, *sorted([*others, text])]))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()
