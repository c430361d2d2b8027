"""A model file is published once, whole, checked, and not in place of a better one."""

import functools
import math
import threading

import numpy as np
import pytest
from helpers.tiny_models import TINY, random_parameters

from musiq_core.model_files.model_file import Model, read_model_file, write_model_file
from musiq_core.programs.self_test import make_pictures
from schemas.errors import UsageError
from schemas.model_versions import version_name
from schemas.training_dataset import TrainingDataset
from training.errors import WorseModelError
from training.evaluating.evaluation import measure
from training.evaluating.predictions import Predictions
from training.models.publish import (
    known_srcc,
    make_model_file,
    publish,
)
from training.models.versions import ModelVersions

DATASET = TrainingDataset(
    name="rated",
    title="Rated photos",
    licence="CC0",
    label_kind="score",
    label_size=1,
    label_low=0,
    label_high=100,
    higher_is_better=False,
    shards={},
    missing={},
    unreadable={},
    sources={},
    split_rule="by hand",
)


@functools.cache
def evaluation(noise: float = 1.0, label_seed: int = 0):
    labels = np.random.default_rng(label_seed).normal(50, 10, (40, 1))
    outputs = labels + noise * np.random.default_rng(1).normal(0, 5, (40, 1))
    names = tuple(f"{number}.jpg" for number in range(40))
    return measure(
        Predictions.of(names, names, labels, outputs), dataset="rated", split="test"
    )


def model_file(found=None, parameters=None, **changes) -> bytes:
    told = {
        "name": "tiny",
        "training_data": "none",
        "licence": "none",
        "source": "run r, step 5",
    }
    return make_model_file(
        random_parameters(TINY) if parameters is None else parameters,
        TINY,
        DATASET,
        found or evaluation(),
        **told | changes,
    )


def quick_file(found, source: str = "run r, step 5") -> bytes:
    """A file with an evaluation and no self-test."""
    return write_model_file(
        random_parameters(TINY),
        TINY,
        name="tiny",
        score_range=(0, 100),
        higher_is_better=False,
        training_data="none",
        licence="none",
        source=source,
        evaluation=found.to_json(),
    )


@pytest.fixture(scope="module")
def good():
    return quick_file(evaluation(1.0))


@pytest.fixture(scope="module")
def better():
    return quick_file(evaluation(0.5))


@pytest.fixture
def versions(tmp_path):
    return ModelVersions(str(tmp_path / "models" / "tiny"))


def srcc_of(model: Model) -> float:
    srcc = known_srcc(model, evaluation())
    assert srcc is not None
    return srcc


def test_the_card_says_what_a_user_needs_and_the_same_gives_the_same_bytes():
    data = model_file()
    assert model_file() == data
    card = read_model_file(data).card
    assert card.score_range == (0, 100)
    assert card.higher_is_better is False
    assert card.self_test.keys() == make_pictures().keys()
    expected = evaluation()
    assert card.evaluation["srcc"] == expected.srcc
    low, high = card.evaluation["srcc_interval"]
    assert low < expected.srcc < high
    assert card.evaluation["examples"] == 40
    assert card.evaluation["labels_sha256"] == expected.labels_sha256
    quantiles = card.evaluation["score_quantiles"]
    assert list(quantiles.values()) == sorted(quantiles.values())
    assert len(quantiles) == 9


def test_better_models_get_the_next_version_and_the_older_one_stays(
    good, better, versions
):
    first = publish(good, versions, srcc_of=srcc_of)
    second = publish(better, versions, srcc_of=srcc_of)
    assert first.uri.endswith(f"/tiny/{version_name(1)}")
    assert second.uri.endswith(f"/tiny/{version_name(2)}")
    assert versions.read(1) == good
    assert versions.read(2) == better
    assert second.digest == read_model_file(better).digest


def test_a_worse_model_is_refused_unless_forced(good, better, versions):
    publish(better, versions, srcc_of=srcc_of)
    with pytest.raises(WorseModelError) as caught:
        publish(good, versions, srcc_of=srcc_of)
    [line] = str(caught.value).splitlines()
    assert f"SRCC {evaluation(1.0).srcc:.4f} against {evaluation(0.5).srcc:.4f}" in line
    assert versions.uri(1) in line
    assert versions.newest() == 1
    assert publish(good, versions, srcc_of=srcc_of, force=True).uri == versions.uri(2)


def test_the_same_file_is_published_once(good, versions):
    publish(good, versions, srcc_of=srcc_of)
    again = publish(good, versions, srcc_of=srcc_of)
    assert not again.is_new
    assert again.uri == versions.uri(1)
    assert versions.newest() == 1


def test_an_older_model_is_measured_if_its_card_tells_of_other_examples(good, versions):
    other = evaluation(0.1, label_seed=9)
    publish(quick_file(other), versions, srcc_of=lambda _: 0.9)
    model = read_model_file(versions.read(1))
    assert known_srcc(model, other) == other.srcc
    assert known_srcc(model, evaluation()) is None
    asked = []

    def measured(model: Model) -> float:
        asked.append(model.digest)
        return 0.5 if len(asked) == 1 else 0.6

    with pytest.raises(WorseModelError, match=r"0\.5000 against 0\.6000"):
        publish(good, versions, srcc_of=measured)
    assert asked == [read_model_file(good).digest, model.digest]


def test_a_model_that_says_the_same_of_everything_is_refused(good, versions):
    with pytest.raises(WorseModelError, match="every picture the same score"):
        publish(good, versions, srcc_of=lambda _: math.nan)
    assert versions.newest() == 0


def test_a_damaged_version_is_not_replaced_unseen(good, versions):
    versions.write_if_absent(1, good[:-1])
    with pytest.raises(UsageError, match=r"00000001.*cannot be used: the file is dam"):
        publish(good, versions, srcc_of=srcc_of)
    assert publish(good, versions, srcc_of=srcc_of, force=True).uri == versions.uri(2)


def test_racing_publishers_get_a_version_each_and_no_file_is_lost(versions):
    files = [quick_file(evaluation(), source=f"run {n}") for n in range(4)]
    start = threading.Barrier(len(files))
    published = []

    def race(data: bytes):
        start.wait()
        published.append(publish(data, versions, srcc_of=srcc_of))

    threads = [threading.Thread(target=race, args=(data,)) for data in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions.newest() == len(files)
    assert {versions.read(version) for version in range(1, 5)} == set(files)
    for one in published:
        version = int(one.uri[-len(version_name(1)) :].partition(".")[0])
        assert read_model_file(versions.read(version)).digest == one.digest


def test_who_loses_the_race_to_a_better_model_is_refused(good, better, versions):
    class RacedVersions:
        """Another publisher is always a moment faster."""

        def __getattr__(self, name):
            return getattr(versions, name)

        def write_if_absent(self, version, data):
            versions.write_if_absent(version, better)
            return versions.write_if_absent(version, data)

    with pytest.raises(WorseModelError, match="00000001"):
        publish(good, RacedVersions(), srcc_of=srcc_of)
    assert versions.newest() == 1
    assert versions.read(1) == better


def changed(name: str, value: np.ndarray | None) -> dict[str, np.ndarray]:
    parameters = random_parameters(TINY) | {name: value}
    return {key: array for key, array in parameters.items() if array is not None}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (changed("head/kernel", None), "missing head/kernel"),
        (changed("head/kernel", np.zeros((48, 1), np.float32)), "has shape"),
        (changed("head/bias", np.full(5, np.nan, np.float32)), "finite"),
    ],
)
def test_parameters_that_no_worker_could_use_make_no_file(parameters, message):
    with pytest.raises(
        UsageError, match=f"run r, step 5 cannot be published.*{message}"
    ):
        model_file(parameters=parameters)


def test_a_name_that_cannot_name_a_column_is_refused():
    with pytest.raises(UsageError, match="must consist of a-z"):
        model_file(name="KonIQ 10k")
