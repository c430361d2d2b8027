"""`--score`: several models' scores as one, by a formula."""

import ast
import dataclasses
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pipelines.selecting.errors import SelectionError
from schemas.programs.config_file import nearest

_MAX_LENGTH = 1_000
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Formula:
    """A formula of models' scores: `0.7*koniq + 0.3*rank(ava)`.

    A model's name stands for its score in its range, 0 for the worst and 1 for the
    best; `rank(NAME)` for the share of the ledger's scored photos that are not better.

    Attributes:
      text: As it was given.
      models: Models that stand in it by their scores.
      ranked: Models that stand in it by their ranks.
    """

    text: str
    models: tuple[str, ...]
    ranked: tuple[str, ...]
    _tree: ast.expr

    def value(
        self, scores: Mapping[str, np.ndarray], ranks: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Return the formula's value of each row, float64 [rows].

        Where it divides by zero it is not finite.

        Args:
          scores: Of `models`, float64 [rows], 0 for the worst and 1 for the best.
          ranks: Of `ranked`, likewise.
        """
        with np.errstate(all="ignore"):
            return np.asarray(_value(self._tree, scores, ranks), np.float64)


def parse_formula(text: str, known: Iterable[str]) -> Formula:
    """Return the formula that a text means.

    Args:
      text: Names of models, numbers, + - * /, parentheses and rank(NAME).
      known: The models that there are.

    Raises:
      SelectionError: If it is none; with the place in it.
    """
    known = list(known)
    if len(text) > _MAX_LENGTH:
        raise SelectionError(
            f"--score has {len(text)} characters, {_MAX_LENGTH} may be"
        )
    # A line break would end the expression; to people it is a space.
    line = " ".join(text.splitlines())
    indented = len(line) - len(line.lstrip())
    try:
        tree = ast.parse(line.lstrip(), mode="eval").body
    except SyntaxError as error:
        place = indented + (error.offset or 1)
        raise SelectionError(
            f"--score {text!r} is no formula (at character {place}): it may have names "
            "of models, numbers, + - * /, parentheses and rank(NAME)"
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise SelectionError(f"--score {text!r} is no formula") from None
    models: dict[str, None] = {}
    ranked: dict[str, None] = {}
    _look_at(tree, _Reading(text, indented, known, models, ranked))
    if not models and not ranked:
        raise SelectionError(
            f"--score {text!r} has no model in it; there are {', '.join(known)}"
        )
    return Formula(text=text, models=tuple(models), ranked=tuple(ranked), _tree=tree)


@dataclasses.dataclass(frozen=True)
class _Reading:
    text: str
    indented: int
    known: list[str]
    models: dict[str, None]
    ranked: dict[str, None]

    def refused(self, node: ast.expr, why: str) -> SelectionError:
        place = self.indented + node.col_offset + 1
        return SelectionError(f"--score {self.text!r}: {why} (at character {place})")

    def model(self, node: ast.Name) -> str:
        if node.id in self.known:
            return node.id
        hint = nearest(node.id, self.known) or f"; there are {', '.join(self.known)}"
        raise self.refused(node, f"the ledger has no model {node.id!r}{hint}")


def _look_at(node: ast.expr, reading: _Reading) -> None:
    """Refuse what a formula cannot have, and note its models."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            _look_at(left, reading)
            _look_at(right, reading)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _look_at(operand, reading)
        case ast.Call(func=ast.Name(id="rank"), args=[ast.Name() as name], keywords=[]):
            reading.ranked[reading.model(name)] = None
        case ast.Call(func=ast.Name(id="rank")):
            raise reading.refused(node, "rank() takes the name of one model")
        case ast.Name():
            reading.models[reading.model(node)] = None
        case ast.Constant(value=int() | float() as value) if not isinstance(
            value, bool
        ):
            if abs(value) > 1e300:
                raise reading.refused(node, "the number is too large")
        case _:
            raise reading.refused(
                node,
                "only names of models, numbers, + - * /, parentheses and rank(NAME) "
                "may stand in it",
            )


def _value(
    node: ast.expr, scores: Mapping[str, np.ndarray], ranks: Mapping[str, np.ndarray]
) -> Any:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATIONS[type(op)](
                _value(left, scores, ranks), _value(right, scores, ranks)
            )
        case ast.UnaryOp(op=op, operand=operand):
            value = _value(operand, scores, ranks)
            return -value if isinstance(op, ast.USub) else value
        case ast.Call(args=[ast.Name(id=name)]):
            return ranks[name]
        case ast.Name(id=name):
            return scores[name]
        case ast.Constant(value=int() | float() as value):
            return np.float64(value)
        case _:
            raise AssertionError(f"{ast.dump(node)} was not refused")


def ranks_of(keys: np.ndarray) -> np.ndarray:
    """Return how many rows are not better than each row, itself included.

    Args:
      keys: uint32 [rows], fewer than 2**32 rows; ascending from the best to the worst.

    Returns:
      int32 [rows], from 1 to the number of rows; equal keys have equal ranks.
    """
    count = len(keys)
    packed = (~keys).astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= np.arange(count, dtype=np.uint64)
    packed.sort()
    rows = packed.astype(np.uint32)
    packed >>= np.uint64(32)
    is_last = np.ones(count, bool)
    is_last[:-1] = packed[1:] != packed[:-1]
    lasts = np.flatnonzero(is_last)
    sizes = np.diff(lasts, prepend=-1)
    ranks = np.empty(count, np.int32)
    ranks[rows] = np.repeat((lasts + 1).astype(np.int32), sizes)
    return ranks
