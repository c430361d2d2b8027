"""The check of shapes and dtypes that jaxtyping puts around musiq_core's functions."""

import inspect
import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import beartype


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check what a function says of arrays; the rest is the static checker's, and the
    functions' own: a wrong value stays the error that users get.
    """
    function.__annotations__ = {
        name: hint
        for name, hint in function.__annotations__.items()
        if _speaks_of_arrays(hint)
    }
    return beartype(function)


def _speaks_of_arrays(hint: Any) -> bool:
    if inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_speaks_of_arrays, typing.get_args(hint)))
