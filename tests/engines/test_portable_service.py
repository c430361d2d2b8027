"""Beam's portable job service, on the path that a job for Flink takes, one ledger.

This is not Flink, whose job server could not be had where this was written. What
`--runner FlinkRunner` does in the launcher, the protocols and the worker pool that runs
beside every TaskManager are the same; what schedules and recovers is Beam's own engine.
"""

import time

import pytest
from faults.running_job import RunningJob
from helpers.job_service import running_portable_service
from helpers.one_ledger import require_same_rows, write_inputs
from helpers.run_musiq import manifest_of, run_musiq, table_of
from helpers.tiny_models import tiny_model_file

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("portable")
    (folder / "model.safetensors").write_bytes(tiny_model_file())
    return folder


@pytest.fixture(scope="module")
def file_count(folder) -> int:
    return write_inputs(folder / "photos")


@pytest.fixture(scope="module")
def service(folder):
    with running_portable_service(folder) as service:
        yield service


@pytest.fixture(scope="module")
def expected(folder, file_count):
    """The ledger of the embedded engine."""
    outcome = run_musiq(*job(folder, "embedded"), "--workers", 1)
    assert outcome.code == 0, outcome.err
    return folder / "embedded"


def job(folder, ledger: str) -> tuple:
    return (
        *("score", "--input", folder / "photos", "--output", folder / ledger),
        *("--model", folder / "model.safetensors", "--json", "--max_failure_rate", 1),
    )


def require_equal_ledger(found, expected, file_count):
    require_same_rows(table_of(found), table_of(expected))
    assert table_of(found).num_rows == file_count
    for part in ("counts", "failures"):
        assert manifest_of(found)[part] == manifest_of(expected)[part]


def test_a_worker_pool_makes_the_same_ledger(folder, service, expected, file_count):
    outcome = run_musiq(*job(folder, "pool"), *service.flags)
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    require_equal_ledger(folder / "pool", expected, file_count)
    again = run_musiq(*job(folder, "pool"), *service.flags)
    assert again.summary["counts"]["scored"] == 0
    assert manifest_of(folder / "pool")["counts"]["carried_over"] > 0


def test_a_job_whose_pool_worker_is_killed_goes_on_to_the_same_ledger(
    folder, service, expected, file_count, tmp_path
):
    running = RunningJob(
        *job(folder, "killed"), *service.flags, temporary=tmp_path / "temporary"
    )

    def decoding():
        return [worker for worker in service.workers() if worker.children()]

    assert running.wait_until(decoding)
    time.sleep(1)
    for worker in decoding():
        worker.kill()
    ended = running.end()
    assert ended.code == 0, ended.err
    [line] = ended.err.splitlines()
    assert "a worker process died; the job goes on from its journal" in line
    require_equal_ledger(folder / "killed", expected, file_count)


def test_a_failures_cause_comes_back_in_one_line(folder, service, file_count):
    model = folder / "wrong.safetensors"
    model.write_bytes(tiny_model_file(name="wrong", self_test_off_by=1.0))
    outcome = run_musiq(
        *("score", "--input", folder / "photos", "--output", folder / "failed"),
        *("--model", model, *service.flags),
    )
    assert outcome.code == 1
    assert "fails its self-test: picture 'noise' scores" in outcome.error
    assert not (folder / "failed" / "_delta_log").exists()
