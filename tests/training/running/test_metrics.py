import json

from helpers.local_server import environment

from pipelines.storage import join, storage_for
from training.running.metrics import METRICS_FILE, MetricsWriter


def steps_in(folder) -> list[int]:
    return [json.loads(text)["step"] for text in (folder / METRICS_FILE).open()]


def write(folder, steps, *, start_step: int) -> None:
    writer = MetricsWriter(str(folder), start_step=start_step)
    for step in steps:
        writer.write(step, {"loss": 1.5})
    writer.close()


def test_a_resumed_run_has_every_step_once(tmp_path):
    write(tmp_path, [1, 2, 3, 4, 5], start_step=0)
    write(tmp_path, [4, 5, 6], start_step=3)
    assert steps_in(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_a_line_that_was_cut_short_is_dropped(tmp_path):
    write(tmp_path, [1, 2], start_step=0)
    with (tmp_path / METRICS_FILE).open("a") as file:
        file.write('{"step": 3, "lo')
    write(tmp_path, [3], start_step=2)
    assert steps_in(tmp_path) == [1, 2, 3]


def test_a_run_that_starts_anew_forgets_all(tmp_path):
    write(tmp_path, [1, 2], start_step=0)
    write(tmp_path, [1], start_step=0)
    assert steps_in(tmp_path) == [1]


def test_the_numbers_of_a_run_in_a_bucket_are_there_and_gone_on_with(s3, tmp_path):
    with environment(s3.env):
        output = f"{s3.uri}/{tmp_path.name}/run"
        write(output, [1, 2], start_step=0)
        write(output, [2, 3], start_step=1)
        uri = join(output, METRICS_FILE)
        with storage_for(uri).open_read(uri) as file:
            assert [json.loads(line)["step"] for line in file] == [1, 2, 3]
