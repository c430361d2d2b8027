"""Images that a model cannot bear cost their own rows, whatever their batch."""

import dataclasses
import math

import pytest
from faults.seeds import points
from faults.snapshots import differences, read_snapshot
from helpers.make_images import encoded, noise
from helpers.run_musiq import run_here
from helpers.tiny_models import TINY

from musiq_core.images.patches import count_tokens
from pipelines.scoring import score

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

_POISONED = {0, 5, 40}
_HEIGHT, _POISONED_WIDTH = 40, 250
_FAILURES = {
    "raises at once": "internal",
    "raises later": "internal",
    "yields NaN": "bad_score",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """64 photos in order; those that will be poisoned have a shape of their own."""
    folder = tmp_path_factory.mktemp("poison")
    paths = [folder / f"{index:02d}.png" for index in range(64)]
    for index, path in enumerate(paths):
        width = _POISONED_WIDTH if index in _POISONED else _HEIGHT
        path.write_bytes(encoded(noise(_HEIGHT, width, index)))
    return paths


@pytest.fixture(scope="module")
def score_photos(work, tmp_path_factory):
    """A function that scores some photos and returns their state by URI."""

    def run(chosen, *, code=0):
        folder = tmp_path_factory.mktemp("scored")
        (folder / "list.txt").write_text("\n".join(map(str, chosen)))
        arguments = work.arguments(folder / "list.txt", folder / "ledger", workers=1)
        outcome = run_here(*arguments)
        assert outcome.code == code, outcome.err
        return read_snapshot(folder / "ledger")

    return run


@pytest.fixture(scope="module")
def healthy(score_photos, photos):
    return score_photos(photos)


def poison(monkeypatch, effect: str) -> list[int]:
    """Make models dislike the long photos; return where batch sizes will be."""
    sizes: list[int] = []
    plain_load = score.load_scorer
    poisonous = count_tokens(_HEIGHT, _POISONED_WIDTH, TINY.preprocessing)

    def marks(images):
        return [image.token_count == poisonous for image in images]

    def load_poisoned(*arguments):
        scorer = plain_load(*arguments)
        plain_start, plain_finish = scorer.start, scorer.finish

        def start(images):
            sizes.append(len(images))
            if effect == "raises at once" and any(marks(images)):
                raise ArithmeticError("poison")
            return plain_start(images)

        def finish(logits, images):
            if effect == "raises later" and any(marks(images)):
                raise ArithmeticError("poison")
            return [
                dataclasses.replace(one, value=math.nan)
                if bad and effect == "yields NaN"
                else one
                for one, bad in zip(
                    plain_finish(logits, images), marks(images), strict=True
                )
            ]

        monkeypatch.setattr(scorer, "start", start)
        monkeypatch.setattr(scorer, "finish", finish)
        return scorer

    monkeypatch.setattr(score, "load_scorer", load_poisoned)
    return sizes


@pytest.mark.parametrize("effect", _FAILURES)
@pytest.mark.parametrize("size", points([1, 7, 64], quick=[7, 64]))
def test_exactly_the_poison_images_fail(
    monkeypatch, photos, score_photos, healthy, size, effect
):
    chosen = photos[:size]
    sizes = poison(monkeypatch, effect)
    found = score_photos(chosen, code=4 if size == 1 else 0)
    assert size in sizes
    expected = {str(path): healthy[str(path)] for path in chosen}
    for index in _POISONED & set(range(size)):
        uri = str(photos[index])
        expected[uri] = expected[uri]._replace(
            status="failed", failure=_FAILURES[effect], score=None, model=None
        )
    assert differences(found, expected) == []
