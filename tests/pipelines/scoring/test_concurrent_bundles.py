"""Bundles that a worker process runs side by side, as engines with threads do."""

import functools
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.make_images import encoded, noise
from helpers.tiny_models import TINY, tiny_model_file

from musiq_core.images.preparation import PreparationConfig, prepare
from pipelines.scoring import score
from pipelines.scoring.configure import read_models
from pipelines.scoring.device import Device
from pipelines.scoring.reading.fetch import FetchedImage
from pipelines.scoring.reading.prepare import prepare_image
from pipelines.scoring.score import ScoreBatches
from schemas.ledger import LedgerRow

BUNDLES = 4
IMAGES_OF_A_BUNDLE = 30


@pytest.fixture
def new_do_fn(tmp_path):
    """Makes a DoFn as a worker does for every bundle processor: from its pickle."""
    model = tmp_path / "tiny.safetensors"
    model.write_bytes(tiny_model_file())
    pickled = pickle.dumps(ScoreBatches(read_models([str(model)]), Device.CPU))
    return functools.partial(pickle.loads, pickled)


def bundle(seed: int) -> list:
    config = PreparationConfig(preprocessings=(TINY.preprocessing,))
    prepare_bytes = functools.partial(prepare, config=config)
    images = []
    for number in range(IMAGES_OF_A_BUNDLE):
        name = f"{seed}-{number}"
        data = encoded(noise(40 + 7 * number, 60 + 5 * seed, seed * 1000 + number))
        row = LedgerRow(uri=f"/{name}", key=name)
        images.append(prepare_image(FetchedImage(row=row, data=data), prepare_bytes))
    return images


def scores_of(do_fn: ScoreBatches, images: list) -> dict[str, float]:
    do_fn.setup()
    do_fn.start_bundle()
    rows = [row for image in images for row in do_fn.process(image)]
    rows += [windowed.value for windowed in do_fn.finish_bundle()]
    return {row.key: row.scores[0].value for row in rows}


def test_concurrent_bundles_score_to_the_bit_and_load_each_model_once(
    new_do_fn, monkeypatch
):
    loads = []
    plain_load = score.load_scorer
    monkeypatch.setattr(
        score, "load_scorer", lambda *of: loads.append(of) or plain_load(*of)
    )
    bundles = [bundle(seed) for seed in range(BUNDLES)]
    with ThreadPoolExecutor(BUNDLES) as pool:
        do_fns = [new_do_fn() for _ in bundles]
        together = list(pool.map(scores_of, do_fns, bundles))
    one_by_one = [scores_of(new_do_fn(), images) for images in bundles]
    assert together == one_by_one
    assert [len(scores) for scores in together] == [IMAGES_OF_A_BUNDLE] * BUNDLES
    assert len(loads) == 1
