"""Eight generated pictures and their scores: proof that a model computes what it did.

A digest shows that a model file has not changed. Whether this program on this machine
still makes the same scores of it, only scoring can show: the file carries the scores
that the Linen model gave to eight pictures, and every worker repeats them first.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Integer, Shaped, UInt8

from musiq_core.config import ModelConfig, PreprocessingConfig
from musiq_core.images.patches import Patches, extract_patches
from musiq_core.model_files.model_file import ModelFileError, variables_of
from musiq_core.network.model import Musiq
from musiq_core.network.scores import score_from_logits
from musiq_core.programs.scorer import Scorer

TOLERANCE = 1e-4
"""Allowed distance from a stored score, as a share of the model's score range.

The order of float32 sums, which differs between processors and programs, moved scores
by less than a hundredth of it; a swapped layer, or a scale that is off by one pixel, by
20 times it and more.
"""

BFLOAT16_TOLERANCE = 1e-2
"""The same for scorers whose products are bfloat16, which moved scores by 2e-3."""


_Plane = Integer[np.ndarray, "height width"]


def _hashed(y: _Plane, x: _Plane, channel: int) -> _Plane:
    """Noise of 0..255 that has no state: a 32-bit hash of place and channel."""
    mixed = (y * 374761393 + x * 668265263 + channel * 1013904223) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
    return mixed >> 24


_Draw = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]
# Height, width, and the three channels from row y and column x. Integers alone, so that
# every machine makes the same pixels. The first picture has a patch in every cell of
# the published position grid even at its native size; the others are thin, which
# leaves them few tokens at every scale, and are cut and padded in different ways.
_PICTURES: dict[str, tuple[int, int, _Draw]] = {
    "noise": (320, 320, lambda y, x: [_hashed(y // 3, x // 3, c) for c in range(3)]),
    "gradient": (40, 160, lambda y, x: [x * 8 // 5, y * 6, 255 - x]),
    "checkerboard": (150, 37, lambda y, x: 3 * [(y // 7 + x // 5) % 2 * 255]),
    "edges": (48, 144, lambda y, x: 3 * [(2 * x + 3 * y) % 61 // 31 * 180 + 40]),
    "colours": (25, 160, lambda y, x: [((x // 20 >> c) & 1) * 255 for c in range(3)]),
    "rings": (64, 96, lambda y, x: 3 * [((y - 30) ** 2 + (x - 45) ** 2) // 9 % 256]),
    "lines": (16, 128, lambda y, x: [x % 2 * 255, x % 3 * 127, y % 2 * 255]),
    "darkness": (130, 33, lambda y, x: [_hashed(y, x, c) // 9 for c in range(3)]),
}


def make_pictures() -> dict[str, UInt8[np.ndarray, "height width 3"]]:
    """Return the pictures by name, uint8 [height, width, 3] RGB, always the same."""
    pictures: dict[str, np.ndarray] = {}
    for name, (height, width, draw) in _PICTURES.items():
        y, x = np.indices((height, width), np.int64)
        pictures[name] = np.stack(draw(y, x), axis=-1).astype(np.uint8)
    return pictures


def reference_scores(
    parameters: Mapping[str, np.ndarray], config: ModelConfig
) -> dict[str, float]:
    """Return what the Linen model, the definition, says of the pictures, by name.

    Args:
      parameters: float32 arrays by full name.
      config: The architecture that they fit.
    """
    variables = variables_of(parameters)
    patches = _patches_by_name(config.preprocessing)
    longest = max(p.token_count for p in patches.values())
    scores: dict[str, float] = {}
    for name, one in patches.items():
        logits = _linen_logits(variables, *_padded(one, longest), config=config)
        scores[name] = score_from_logits(np.asarray(logits)[0]).value
    return scores


def check_self_test(scorer: Scorer, *, uri: str, tolerance: float = TOLERANCE) -> None:
    """Score the pictures and compare with the model file; one without scores passes.

    Args:
      scorer: The model as it is about to be used. Its statistics do not count this.
      uri: The model file's, for the message.
      tolerance: Allowed distance from a stored score, as a share of the score range.

    Raises:
      ModelFileError: As `require_self_test`.
    """
    card = scorer.model.card
    if not card.self_test:
        return
    before = scorer.statistics
    found = score_pictures(scorer)
    scorer.statistics = dataclasses.replace(
        before, compilations=scorer.statistics.compilations
    )
    low, high = card.score_range
    require_self_test(
        found,
        card.self_test,
        tolerance=tolerance * (high - low),
        model=f"model file {uri}",
    )


def score_pictures(scorer: Scorer) -> dict[str, float]:
    """Return what a scorer says of the pictures, by name, in batches of its own."""
    patches = _patches_by_name(scorer.model.config.preprocessing)
    batcher = scorer.new_batcher()
    batches = [batcher.add((n, p), p.token_count) for n, p in patches.items()]
    found: dict[str, float] = {}
    for batch in [*filter(None, batches), *batcher.flush()]:
        scores = scorer.score([p for _, p in batch])
        names = [name for name, _ in batch]
        found |= {n: s.value for n, s in zip(names, scores, strict=True)}
    return {name: found[name] for name in patches}


def require_self_test(
    found: dict[str, float],
    expected: dict[str, float],
    *,
    tolerance: float,
    model: str,
) -> None:
    """Refuse a model whose scores of the pictures are not the expected ones.

    Args:
      found: Scores by picture, just computed.
      expected: Scores by picture, as the model file promises them.
      tolerance: Allowed distance, in the model's own units.
      model: Name of the model or its file, for the message.

    Raises:
      ModelFileError: With the first picture that is off and both of its scores, or with
        the pictures that only one of the two knows.
    """
    if differing := sorted(found.keys() ^ expected.keys()):
        raise ModelFileError(
            f"{model} was tested with other pictures than this program has "
            f"({', '.join(differing)}): another version wrote it; make it again"
        )
    for name, score in found.items():
        # Written so that a score that is not a number is refused too.
        if not abs(score - expected[name]) <= tolerance:
            raise ModelFileError(
                f"{model} fails its self-test: picture {name!r} scores {score:.6g}, "
                f"the file promises {expected[name]:.6g} within {tolerance:.2g}; make "
                "it again, or, if it fails on some machines only, leave those out"
            )


def _patches_by_name(config: PreprocessingConfig) -> dict[str, Patches]:
    return {n: extract_patches(p, config) for n, p in make_pictures().items()}


def _padded(
    patches: Patches, token_count: int
) -> tuple[Shaped[np.ndarray, "1 {token_count} ..."], ...]:
    """Return one image as a padded batch: pixels, positions, scale ids and mask."""
    mask = np.ones(patches.token_count, bool)
    arrays = (patches.normalized(), patches.positions, patches.scale_ids, mask)
    batch: list[np.ndarray] = []
    for array in arrays:
        padded = np.zeros((1, token_count, *array.shape[1:]), array.dtype)
        padded[0, : len(array)] = array
        batch.append(padded)
    return tuple(batch)


def _apply_linen(
    variables: Mapping[str, Any], *batch: jax.Array, config: ModelConfig
) -> jax.Array:
    logits = Musiq(config).apply(variables, *batch)
    assert isinstance(logits, jax.Array)  # apply returns a pair only if asked to
    return logits


_linen_logits: Callable[..., jax.Array] = jax.jit(
    _apply_linen, static_argnames="config"
)
