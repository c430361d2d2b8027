"""--device: the accelerators' job, with the CPU in the accelerator's place."""

import pytest
from helpers.make_images import write_images
from helpers.run_musiq import manifest_of, rows_by_key, run_here, run_musiq
from helpers.tiny_models import tiny_model_file

from pipelines.scoring import command, score
from pipelines.scoring.device import Device, DeviceError, require_device


@pytest.fixture
def arguments(tmp_path):
    write_images(tmp_path / "photos", 30)
    (tmp_path / "photos" / "page.jpg").write_bytes(b"<html>")
    model = tmp_path / "model.safetensors"
    model.write_bytes(tiny_model_file())
    return ("score", "--input", tmp_path / "photos", "--model", model, "--workers", 1)


def test_the_job_of_an_accelerator_gives_the_same_rows(
    arguments, tmp_path, monkeypatch
):
    assert run_here(*arguments, "--output", tmp_path / "cpu").code == 0
    monkeypatch.setattr(command, "use_device", lambda device: None)
    for module in (command, score):
        monkeypatch.setattr(module, "require_device", lambda device: None)
    outcome = run_here(*arguments, "--output", tmp_path / "gpu", "--device", "gpu")
    assert outcome.code == 0, outcome.err
    exact, rounded = rows_by_key(tmp_path / "cpu"), rows_by_key(tmp_path / "gpu")
    assert exact.keys() == rounded.keys()
    assert rounded["page.jpg"]["failure"] == "not_an_image"
    for key, row in exact.items():
        assert rounded[key]["sha256"] == row["sha256"]
        if row["status"] == "scored":
            moved = abs(rounded[key]["musiq_tiny"] - row["musiq_tiny"])
            assert moved < 0.04  # one per cent of the model's range
    assert manifest_of(tmp_path / "gpu")["settings"]["precision"] == "bfloat16"
    assert manifest_of(tmp_path / "cpu")["settings"]["precision"] == "float32"


@pytest.mark.parametrize("device", [Device.GPU, Device.TPU])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(DeviceError, match=f"--device {device} was asked for, but JAX"):
        require_device(device)
    require_device(Device.CPU)


def test_a_job_without_its_device_ends_in_one_line(arguments, tmp_path):
    outcome = run_musiq(*arguments, "--output", tmp_path / "l", "--device", "gpu")
    assert outcome.code == 2
    assert "--device gpu was asked for, but JAX has no such device" in outcome.error
    assert "leave --device out" in outcome.error
    assert not (tmp_path / "l").exists()


def test_several_processes_for_one_accelerator_are_refused(arguments, monkeypatch):
    monkeypatch.setattr(command, "use_device", lambda device: None)
    outcome = run_here(*arguments[:-1], 2, "--output", "l", "--device", "gpu")
    assert outcome.code == 2
    assert "--device gpu is fed by one process: leave --workers out" in outcome.error
