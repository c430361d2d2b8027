"""Damaged pictures never get more out of the decoder than an answer."""

import threading
import time

import numpy as np
import psutil
import pytest
from hostile.fuzz import damaged_file, fuzz
from hostile.fuzz_containers import damaged_container, fuzz_containers
from hostile.mutations import mutate
from hostile.seed_containers import seed_containers
from hostile.seed_pictures import seed_pictures

_SEED = 1
_SECONDS = 20


@pytest.fixture
def corpus() -> list[bytes]:
    return list(seed_pictures().values())


def test_every_damaged_picture_gives_patches_or_a_known_failure(tmp_path):
    report = fuzz(seconds=_SECONDS, seed=_SEED, findings=tmp_path)
    assert report.finding is None
    assert report.outcomes["patches"] > 0
    assert len(report.outcomes) > 4


def test_a_decoder_that_dies_is_a_finding_and_its_file_is_kept(tmp_path, corpus):
    stopper = threading.Thread(target=_kill_decode_child)
    stopper.start()
    report = fuzz(seconds=60, seed=_SEED, findings=tmp_path)
    stopper.join()
    assert report.finding is not None
    assert "decoder_crash: the decoder died (SIGKILL)" in report.finding
    last = sum(report.outcomes.values()) - 1
    [saved] = tmp_path.iterdir()
    assert saved.name == f"seed-{_SEED}-case-{last}"
    assert f"SEED={_SEED}, case {last}" in report.finding


def test_every_damaged_container_gives_images_failures_or_one_line(tmp_path):
    report = fuzz_containers(seconds=_SECONDS, seed=_SEED, findings=tmp_path)
    assert report.finding is None
    assert report.outcomes["listed"] > 0
    assert report.outcomes["refused"] > 0


def test_a_container_of_a_case_is_the_same_every_time():
    cases = [damaged_container(seed=7, case=case) for case in range(200)]
    assert cases == [damaged_container(seed=7, case=case) for case in range(200)]
    assert {name for name, _ in cases} == set(seed_containers())


def test_a_case_is_the_same_file_every_time(corpus):
    cases = [damaged_file(corpus, seed=7, case=case) for case in range(200)]
    assert cases == [damaged_file(corpus, seed=7, case=case) for case in range(200)]
    assert len(set(cases)) > 190
    assert len(set(cases) - set(corpus)) > 180


def test_files_do_not_grow_without_end(corpus):
    random = np.random.default_rng(0)
    data = corpus[0]
    for _ in range(300):
        data = mutate(data, corpus, random)
        assert len(data) <= 2**20


def _kill_decode_child() -> None:
    """Kill this process's decode child once it has been at work for a while."""
    while True:
        for child in psutil.Process().children():
            if "pipelines.decoding.child" in child.cmdline():
                time.sleep(2)
                child.kill()
                return
        time.sleep(0.1)
