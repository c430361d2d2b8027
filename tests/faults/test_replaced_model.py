"""The model file changes under a running job, whose workers read it again."""

import os
import threading

import pytest
from faults.seeds import points
from faults.snapshots import differences, read_snapshot, require_published
from helpers.tiny_models import TINY, random_parameters

from musiq_core.model_files.model_file import write_model_file

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("nothing_left_here")]

_CLEAR_LINES = ("was replaced while the run was going on", "the file is damaged")


@pytest.fixture(scope="module")
def other_model() -> bytes:
    """A model of the same name and shape, with other parameters."""
    parameters = {name: array + 0.01 for name, array in random_parameters(TINY).items()}
    return write_model_file(
        parameters,
        TINY,
        name="tiny",
        score_range=(1, 5),
        higher_is_better=True,
        training_data="none",
        licence="none",
        source="a test",
    )


@pytest.mark.parametrize(
    "how", points(["at once", "in place", "to and fro"], quick=["at once"])
)
def test_no_ledger_holds_scores_of_two_model_files(
    work, start_job, tmp_path, other_model, how
):
    model, ledger = tmp_path / "tiny.safetensors", tmp_path / "ledger"
    own_model = work.model.read_bytes()
    model.write_bytes(own_model)
    work.publish_old(ledger)
    job = start_job(
        *("score", "--input", work.photos, "--output", ledger),
        *("--model", model, "--workers", 2),
    )
    assert job.wait_until(lambda: list(ledger.glob("journal/*/*.parquet")))

    def replace(data: bytes) -> None:
        new = tmp_path / "new"
        new.write_bytes(data)
        os.replace(new, model)

    def to_and_fro() -> None:
        while job.is_running():
            replace(other_model)
            replace(own_model)

    changing = threading.Thread(target=to_and_fro)
    if how == "at once":
        replace(other_model)
    elif how == "in place":
        model.write_bytes(other_model[: len(other_model) // 2])
    else:
        changing.start()
    for worker in job.workers()[:1]:
        worker.kill()
    ended = job.end()
    if changing.is_alive():
        changing.join()
    if how != "to and fro":
        assert ended.code == 1
    if ended.code == 0:
        require_published(ledger, work.all_rows)
    else:
        assert any(line in ended.last_line for line in _CLEAR_LINES)
        assert "Traceback" not in ended.err
        assert differences(read_snapshot(ledger), work.old) == []
    model.write_bytes(own_model)
