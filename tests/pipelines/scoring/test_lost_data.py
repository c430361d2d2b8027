"""What the engine loses between two steps is noticed, and made good."""

import time

import pytest
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.portability.fn_api_runner.execution import (
    GroupingBuffer,
    ListBuffer,
)
from apache_beam.runners.worker.data_plane import BeamFnDataServicer
from helpers.make_images import write_images
from helpers.run_musiq import run_here, table_of
from helpers.tiny_models import tiny_model_file

from pipelines.engines.embedded.process import install

COUNT = 6


@pytest.fixture
def score(tmp_path):
    write_images(tmp_path / "photos", COUNT)
    model = tmp_path / "model.safetensors"
    model.write_bytes(tiny_model_file())
    return lambda: run_here(
        *("score", "--input", tmp_path / "photos", "--model", model),
        *("--output", tmp_path / "ledger", "--workers", 1, "--json"),
    )


def lose(monkeypatch, buffer: type, *, times: int) -> None:
    """Let the engine drop the first messages with an image, a few times.

    In a `GroupingBuffer` they are on their way to planning, which groups; in a
    `ListBuffer`, between listing and all that comes after it.
    """
    append = buffer.append
    left = [times]

    def lossy_append(self, data):
        if b"image-003" in data and left[0] and not getattr(self, "_table", None):
            left[0] -= 1
        else:
            append(self, data)

    monkeypatch.setattr(buffer, "append", lossy_append)


@pytest.mark.parametrize("buffer", [GroupingBuffer, ListBuffer])
def test_a_job_that_lost_inputs_starts_again_and_has_them_all(
    score, tmp_path, monkeypatch, buffer
):
    lose(monkeypatch, buffer, times=1)
    outcome = score()
    assert outcome.code == 0, outcome.err
    assert "the engine lost some of its data; the job goes on" in outcome.err
    assert outcome.summary["counts"]["duplicates"] == 0
    assert table_of(tmp_path / "ledger").num_rows == COUNT


def test_a_job_that_always_loses_inputs_publishes_nothing(score, tmp_path, monkeypatch):
    lose(monkeypatch, GroupingBuffer, times=1000)
    outcome = score()
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith(
        "musiq score: error: the counts do not add up, so nothing was published"
    )
    assert not (tmp_path / "ledger" / "_delta_log").exists()


def test_what_takes_long_to_hand_to_a_worker_arrives_whole():
    install()
    servicer = BeamFnDataServicer(worker_handlers.DATA_BUFFER_TIME_LIMIT_MS)
    channel = servicer.get_conn_by_worker_id("worker")
    sent = []

    def send_slowly(message):
        time.sleep(0.5)
        sent.append(message.data)

    channel._enqueue_to_send = send_slowly
    stream = channel.output_stream("bundle", "Read")
    for number in range(30):
        stream.write(bytes([number]))
        time.sleep(0.06)
    stream.close()
    assert b"".join(sent) == bytes(range(30))
