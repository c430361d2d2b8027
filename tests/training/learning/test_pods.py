"""Several processes on this machine train as one, and outlive each other's ends."""

import dataclasses
import signal

import numpy as np
import pytest
from helpers.pod import Pod, indices, start_pod, trace

from training.running.checkpoints import restore_parameters

pytestmark = pytest.mark.training

STEPS = 40


@pytest.fixture
def pod():
    """`start_pod`, and nothing of it is left running."""
    started = []

    def start(*args, **options) -> Pod:
        started.append(start_pod(*args, **options))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a run of one process with 8 devices."""
    output = tmp_path_factory.mktemp("undisturbed") / "run"
    assert start_pod(output, step_count=STEPS, ema_decay=0.9).wait() == [0]
    return output


def assert_same(found, expected):
    """Same losses, same images, same parameters."""
    losses = trace(expected)
    assert trace(found) == pytest.approx(losses, rel=1e-5)
    assert indices(found) == indices(expected)
    parameters = restore_parameters(str(expected))
    for name, array in restore_parameters(str(found)).items():
        np.testing.assert_allclose(array, parameters[name], atol=1e-4)


@dataclasses.dataclass(frozen=True)
class Layout:
    processes: int
    devices: int
    fsdp_devices: int


def test_layouts_of_8_devices_learn_the_same(pod, tmp_path):
    layouts = [Layout(1, 8, 1), Layout(2, 4, 1), Layout(2, 4, 4)]
    for number, layout in enumerate(layouts):
        options = dataclasses.asdict(layout)
        run = pod(tmp_path / f"{number}", task="musiq", ema_decay=0.9, **options)
        assert run.wait() == [0] * layout.processes, run.errors()
    for number in (1, 2):
        assert_same(tmp_path / f"{number}", tmp_path / "0")


def test_sigterm_to_one_process_saves_and_another_topology_goes_on(
    pod, tmp_path, undisturbed
):
    options = {"step_count": STEPS, "ema_decay": 0.9}
    first = pod(
        tmp_path / "run",
        processes=2,
        devices=4,
        fsdp_devices=4,
        pause_seconds=0.2,
        **options,
    )
    first.wait_for_step(5)
    first.processes[1].send_signal(signal.SIGTERM)
    assert first.wait() == [143, 143], first.errors()
    assert 5 <= max(trace(tmp_path / "run")) < STEPS
    assert pod(tmp_path / "run", processes=1, devices=2, **options).wait() == [0]
    assert trace(tmp_path / "run") == pytest.approx(trace(undisturbed), rel=1e-5)
    parameters = restore_parameters(str(undisturbed))
    for name, array in restore_parameters(str(tmp_path / "run")).items():
        np.testing.assert_allclose(array, parameters[name], atol=1e-4)


@pytest.mark.parametrize("delay_steps", [0, 1])
def test_a_kill_while_saving_costs_nothing_but_time(
    pod, tmp_path, undisturbed, delay_steps
):
    output = tmp_path / "run"
    options = {"step_count": STEPS, "ema_decay": 0.9}
    # It saves in every step, so it is killed in the middle of it.
    one = pod(output, checkpoint_every_steps=1, **options)
    one.wait_for_step(10 + delay_steps)
    one.processes[0].kill()
    assert one.wait() == [-signal.SIGKILL]
    left = list((output / "checkpoints").glob("*tmp*"))
    assert pod(output, **options).wait() == [0]
    assert trace(output) == pytest.approx(trace(undisturbed), rel=1e-5)
    assert not any(path.exists() for path in left)


def test_the_others_end_when_one_is_killed(pod, tmp_path, undisturbed):
    output = tmp_path / "run"
    options = {"step_count": STEPS, "ema_decay": 0.9, "checkpoint_every_steps": 4}
    both = pod(
        output,
        processes=2,
        devices=4,
        heartbeat_timeout_seconds=10,
        pause_seconds=0.2,
        **options,
    )
    both.wait_for_step(9)
    both.processes[1].kill()
    codes = both.wait()
    assert codes[0] not in (0, None)
    again = pod(output, processes=2, devices=4, **options)
    assert again.wait() == [0, 0], again.errors()
    assert trace(output) == pytest.approx(trace(undisturbed), rel=1e-5)


def test_a_process_that_hangs_is_named(pod, tmp_path):
    both = pod(
        tmp_path / "run",
        processes=2,
        devices=1,
        hang={1: 4},
        step_timeout_seconds=3,
    )
    assert both.processes[0].wait(300) != 0
    assert "process 1 did not reach 'step " in both.errors()
