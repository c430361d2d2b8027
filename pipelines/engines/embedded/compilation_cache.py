"""Compiled programs kept between runs, so that a scheduled job compiles once."""

import os
import warnings
from pathlib import Path

_MAX_BYTES = 2**30


def use_compilation_cache() -> None:
    """Tell JAX, in this process and its children, where to keep compiled programs.

    Call before JAX is imported. A size limit makes JAX lock the folder, which keeps
    several workers from reading what another is still writing. An unusable entry costs
    a compilation, so the user is not warned of it.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    for name, value in {
        "JAX_COMPILATION_CACHE_DIR": Path(home, "musiq", "compiled"),
        "JAX_COMPILATION_CACHE_MAX_SIZE": _MAX_BYTES,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": 0.2,
    }.items():
        os.environ.setdefault(name, str(value))
    warnings.filterwarnings(
        "ignore", message=r"Error (reading|writing) persistent compilation cache"
    )
