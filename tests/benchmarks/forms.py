"""One thread, one core: the packed program beside other forms of the same parameters.

A program of its own, so that every form starts cold and has the core to itself; it
prints JSON. `bench_forms` runs it.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence

os.environ.update(NPROC="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
os.environ["JAX_PLATFORMS"] = "cpu"
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import jax
import jax.numpy as jnp
import jax2onnx
import numpy as np
import onnxruntime

from musiq_core.config import published_config
from musiq_core.images.decode import decode_image
from musiq_core.images.patches import Patches, extract_patches
from musiq_core.model_files.model_file import Model, read_model_file
from musiq_core.network.model import Musiq
from musiq_core.programs.batching import TokenBatcher
from musiq_core.programs.packed.scorer import PackedScorer
from tests.benchmarks.flops import flops_of
from tests.benchmarks.forms_sizes import SIZES
from tests.benchmarks.make_photos import MIXED_COUNT, mixed_sizes, photo
from tests.benchmarks.published_form import published_form
from tests.helpers.tiny_models import tiny_model_file

CONFIG = published_config()
_IMAGES_OF_A_ROUND = 8


def main() -> None:
    """Measure all forms and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mixed", type=int, default=20)
    args = parser.parse_args()
    model = read_model_file(tiny_model_file(CONFIG, name="published_size"))
    mixed = [
        patches_of(size, seed)
        for seed, size in enumerate(
            mixed_sizes(MIXED_COUNT)[:: MIXED_COUNT // args.mixed]
        )
    ]
    found: dict[str, object] = {"mixed": mixed_times(model, mixed, args.rounds)}
    for name, size in SIZES.items():
        images = [patches_of(size, seed) for seed in range(_IMAGES_OF_A_ROUND)]
        found[name] = size_times(model, images, args.rounds)
    print(json.dumps(found))


def patches_of(size: tuple[int, int], seed: int) -> Patches:
    """Return the patches of a synthetic photo."""
    pixels = decode_image(photo(*size, seed)).pixels
    return extract_patches(pixels, CONFIG.preprocessing)


def mixed_times(
    model: Model, images: Sequence[Patches], rounds: int
) -> dict[str, float]:
    """Return seconds for all images, cold and warm, and the distance of the scores."""
    scorer = PackedScorer(model)
    per_shape, published = shape_jit(model), published_form(model)
    forms: dict[str, Callable[[], list[float]]] = {
        "packed": lambda: packed_scores(scorer, images),
        "per_shape": lambda: [per_shape(p) for p in images],
        "published": lambda: [published(p) for p in images],
    }
    found: dict[str, float] = {"images": len(images)}
    scores, warm = {}, {name: [] for name in forms}
    for name, form in forms.items():
        found[f"{name}_cold"], scores[name] = timed(form)
    for _ in range(rounds):
        for name, form in forms.items():
            warm[name].append(timed(form)[0])
    for name, seconds in warm.items():
        found[f"{name}_warm"] = statistics.median(seconds)
    distances = [np.abs(np.subtract(s, scores["packed"])) for s in scores.values()]
    return found | {"largest_difference": float(np.max(distances))}


def size_times(
    model: Model, images: Sequence[Patches], rounds: int
) -> dict[str, float]:
    """Return median seconds an image of every form; forms alternate within a round."""
    scorer, per_shape = PackedScorer(model), shape_jit(model)
    onnx = onnx_form(model, images[0])
    forms: dict[str, Callable[[], list[float]]] = {
        "packed": lambda: packed_scores(scorer, images),
        "packed_alone": lambda: [scorer.score([p])[0].value for p in images],
        "per_shape": lambda: [per_shape(p) for p in images],
        "onnx": lambda: [onnx(p) for p in images],
    }
    expected = packed_scores(scorer, images)
    for name, form in forms.items():
        if np.abs(np.subtract(form(), expected)).max() > 1e-3:
            raise AssertionError(f"{name} scores {form()}, not {expected}")
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    gemm = []
    for _ in range(rounds):
        gemm.append(gemm_gflops())
        for name, form in forms.items():
            seconds[name].append(timed(form)[0] / len(images))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    useful = flops_of(images[0].token_count, CONFIG) / 1e9 / medians["packed"]
    return medians | {"useful_over_gemm": useful / statistics.median(gemm)}


def packed_scores(scorer: PackedScorer, images: Sequence[Patches]) -> list[float]:
    """Score images in the batches that the job would make."""
    batcher = TokenBatcher[Patches]()
    order = {id(p): place for place, p in enumerate(images)}
    batches = [batcher.add(p, p.token_count) for p in images]
    scores = [0.0] * len(images)
    for batch in filter(None, [*batches, *batcher.flush()]):
        for patches, score in zip(batch, scorer.score(batch), strict=True):
            scores[order[id(patches)]] = score.value
    return scores


def shape_jit(model: Model) -> Callable[[Patches], float]:
    """Return the Linen model under plain `jax.jit`: one program for every length."""
    apply = jax.jit(Musiq(model.config).apply)

    def score(patches: Patches) -> float:
        mask = np.ones((1, patches.token_count), bool)
        arrays = (patches.normalized(), patches.positions, patches.scale_ids)
        logits = apply(model.variables, *(array[None] for array in arrays), mask)
        return float(np.asarray(logits)[0, 0])

    return score


def onnx_form(model: Model, example: Patches) -> Callable[[Patches], float]:
    """Return the Linen model in ONNX Runtime, for the example's length alone."""
    variables = jax.tree.map(jnp.asarray, model.variables)
    mask = np.ones((1, example.token_count), bool)

    def feed(patches: Patches) -> list[np.ndarray]:
        arrays = (patches.normalized(), patches.positions, patches.scale_ids)
        return [array[None] for array in arrays]

    def network(*arrays: jax.Array) -> jax.Array:
        return Musiq(model.config).apply(variables, *arrays, mask)

    shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in feed(example)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        jax2onnx.to_onnx(network, shapes).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    names = [node.name for node in session.get_inputs()]

    def score(patches: Patches) -> float:
        outputs = session.run(None, dict(zip(names, feed(patches), strict=True)))
        return float(np.asarray(outputs[0])[0, 0])

    return score


def gemm_gflops() -> float:
    """Float32 matrix product rate of this thread."""
    x, w = jnp.ones((4096, 384)), jnp.ones((384, 1152))
    product = jax.jit(jnp.matmul)
    product(x, w).block_until_ready()
    best = min(timed(lambda: product(x, w).block_until_ready())[0] for _ in range(20))
    return 2 * 4096 * 384 * 1152 / best / 1e9


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Return the seconds that some work took, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
