"""A hostile file costs one failure; the next decodes as if nothing had been."""

import dataclasses
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from helpers.logged import logged
from helpers.make_images import encoded, noise
from helpers.shared_data import bad_inputs
from PIL import Image

from musiq_core.config import LARGEST_TOKEN_COUNT, DecodeConfig, PreprocessingConfig
from musiq_core.images.image_format import ALLOWED_FORMATS
from musiq_core.images.patches import Patches
from musiq_core.images.preparation import Preparation, PreparationConfig, prepare
from pipelines.decoding import decoder as decoder_module
from pipelines.decoding.decoder import Decoder, receive_into
from pipelines.decoding.limits import DecoderLimits
from pipelines.sparse_warnings import SparseWarnings
from schemas.failures import ImageFailure

ROOT = Path(__file__).parents[3]
LYING_CHILD = "helpers.lying_child"
GOOD = encoded(noise(40, 60))
CONFIG = PreparationConfig(
    preprocessings=(PreprocessingConfig(), PreprocessingConfig(scales=()))
)
MANY_SCANS = dataclasses.replace(CONFIG, decode=DecodeConfig(max_jpeg_scans=10_000))


def slow_file() -> bytes:
    [slow] = [bad for bad in bad_inputs() if b"slow_progressive" in bad.name]
    return slow.data


@pytest.fixture
def decoder():
    decoder = Decoder(CONFIG, DecoderLimits())
    yield decoder
    decoder.close()


def child_of(decoder: Decoder) -> psutil.Process:
    decoder.prepare(GOOD)
    [child] = [
        child
        for child in psutil.Process().children()
        if "pipelines.decoding.child" in child.cmdline()
    ]
    return child


def assert_still_decodes(decoder: Decoder) -> None:
    assert_equal(decoder.prepare(GOOD), prepare(GOOD, CONFIG))


def assert_equal(theirs: Preparation, ours: Preparation) -> None:
    assert theirs.facts == ours.facts
    for their_form, our_form in zip(theirs.patches, ours.patches, strict=True):
        for field in dataclasses.fields(Patches):
            their_array = getattr(their_form, field.name)
            our_array = getattr(our_form, field.name)
            assert their_array.dtype == our_array.dtype
            np.testing.assert_array_equal(their_array, our_array)


@pytest.mark.parametrize("file_format", ALLOWED_FORMATS)
def test_the_child_prepares_as_we_would(decoder, file_format):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if file_format in ("GIF", "BMP") else {"exif": exif}
    data = encoded(noise(50, 70), file_format, **options)
    theirs = decoder.prepare(data)
    assert_equal(theirs, prepare(data, CONFIG))
    assert theirs.facts.format == file_format


def test_the_child_shrinks_as_we_would():
    config = dataclasses.replace(CONFIG, max_tokens=250)
    decoder = Decoder(config, DecoderLimits())
    data = encoded(noise(700, 500))
    theirs = decoder.prepare(data)
    decoder.close()
    assert_equal(theirs, prepare(data, config))
    assert theirs.facts.shrink_factor < 1


def test_a_failure_brings_what_was_found_out_before(decoder):
    with pytest.raises(ImageFailure) as caught:
        decoder.prepare(encoded(noise(1, 1000)))
    assert caught.value.failure == "unsupported_shape"
    assert caught.value.facts.width == 1000


def test_bad_inputs_end_as_they_would_here(decoder):
    for bad in bad_inputs():
        try:
            decoder.prepare(bad.data)
            outcome = "score"
        except ImageFailure as failure:
            outcome = f"dead:{failure.failure}"
        assert outcome in bad.allowed, bad.name


def test_a_slow_file_is_killed_at_its_deadline():
    decoder = Decoder(MANY_SCANS, DecoderLimits(seconds=0.5))
    child = child_of(decoder)
    with pytest.raises(ImageFailure) as caught:
        decoder.prepare(slow_file())
    assert caught.value.failure == "timeout"
    assert caught.value.detail == "decoding took longer than 0.5 s"
    assert not child.is_running()
    assert_still_decodes(decoder)
    decoder.close()


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_child_that_dies_costs_the_image_it_was_decoding(how, monkeypatch):
    decoder = Decoder(MANY_SCANS, DecoderLimits(seconds=30))
    child = child_of(decoder)
    threading.Timer(0.3, child.send_signal, [how]).start()
    monkeypatch.setattr(decoder_module, "_WARNINGS", SparseWarnings())
    with logged() as records, pytest.raises(ImageFailure) as caught:
        decoder.prepare(slow_file())
    [told] = [record.getMessage() for record in records]
    assert told.startswith(f"a decode child died over an image ({how.name})")
    assert caught.value.failure == "decoder_crash"
    assert how.name in caught.value.detail
    assert_still_decodes(decoder)
    decoder.close()


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_child_that_is_found_dead_costs_no_image(how, monkeypatch):
    decoder = Decoder(MANY_SCANS, DecoderLimits(seconds=30))
    child = child_of(decoder)
    child.send_signal(how)
    psutil.wait_procs([child], timeout=5)
    monkeypatch.setattr(decoder_module, "_WARNINGS", SparseWarnings())
    with logged() as records:
        assert_still_decodes(decoder)
    told = [record.getMessage() for record in records]
    assert told == ["a decode child was found dead, and is replaced"]
    decoder.close()


def test_a_child_outlives_the_thread_that_started_it(decoder):
    starter = threading.Thread(target=decoder.prepare, args=[GOOD])
    starter.start()
    starter.join()
    process = decoder._process
    time.sleep(0.2)
    assert_still_decodes(decoder)
    assert decoder._process is process


def test_a_child_that_lies_costs_the_image_it_lies_about(monkeypatch):
    decoder = Decoder(CONFIG, DecoderLimits())
    try:
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.decoding.decoder._CHILD_MODULE", LYING_CHILD)
            with pytest.raises(ImageFailure, match="answer makes no sense") as caught:
                decoder.prepare(GOOD)
        assert caught.value.failure == "decoder_crash"
        assert_still_decodes(decoder)
    finally:
        decoder.close()


def test_a_default_timeout_of_sockets_changes_nothing():
    """Beam's search for Google credentials leaves one behind in the worker."""
    large = encoded(noise(700, 900))
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    decoder = Decoder(CONFIG, DecoderLimits())
    try:
        assert decoder.prepare(large).facts == prepare(large, CONFIG).facts
    finally:
        socket.setdefaulttimeout(before)
        decoder.close()


def test_bytes_that_trickle_in_do_not_put_the_deadline_off():
    here, there = socket.socketpair()
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.05):
            there.send(b"x")

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        with pytest.raises(TimeoutError):
            receive_into(memoryview(bytearray(1000)), here, time.monotonic() + 0.3)
    finally:
        stop.set()
        trickling.join()
        here.close()
        there.close()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of page faults")
def test_the_child_works_in_memory_that_it_has(decoder):
    child, photo = child_of(decoder), encoded(noise(700, 900))
    for _ in range(3):
        decoder.prepare(photo)
    before = page_faults(child)
    decoder.prepare(photo)
    pages = 700 * 900 * 3 / resource.getpagesize()
    assert page_faults(child) - before < pages / 4


def page_faults(process: psutil.Process) -> int:
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[7])


def test_more_memory_than_allowed_is_too_large():
    decoder = Decoder(CONFIG, DecoderLimits(memory_bytes=2**29))
    blank = Image.new("RGBA", (8000, 8000))
    with pytest.raises(ImageFailure) as caught:
        decoder.prepare(encoded(np.asarray(blank), "PNG", compress_level=1))
    assert caught.value.failure == "too_large"
    assert "memory" in caught.value.detail
    assert_still_decodes(decoder)
    decoder.close()


def test_the_largest_allowed_image_needs_less_than_a_gibibyte(decoder):
    child = child_of(decoder)
    side = int((LARGEST_TOKEN_COUNT - 200) ** 0.5) * 32
    assert 0.98 < side**2 / DecodeConfig().max_pixels < 1
    decoder.prepare(encoded(np.zeros((side, side, 3), np.uint8), "PNG"))
    status = Path(f"/proc/{child.pid}/status").read_text()
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    assert peak_kib < 2**20


def test_the_child_can_open_write_connect_and_fork_nothing(tmp_path):
    code = f"""
import os, socket
from pipelines.decoding.child import _give_up_powers
_give_up_powers(2 ** 31)
def refused(action):
    try:
        action()
    except (OSError, BlockingIOError):
        return True
print(
    refused(lambda: open("/etc/hostname")),
    refused(lambda: open({str(tmp_path / "x")!r}, "w")),
    refused(lambda: socket.socket()),
    refused(lambda: os.fork()),
    refused(lambda: os.setuid(0)),
    refused(lambda: os.kill(1, 0)),
)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.split() == ["True"] * 6, done.stderr


def test_the_child_holds_neither_credentials_nor_jax_nor_beam(decoder, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret")
    child = child_of(decoder)
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in child.environ()
    code = (
        "import sys, pipelines.decoding.child;"
        "print(sorted({'jax', 'apache_beam', 'google'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_no_child_outlives_its_parent():
    code = """
import time
from musiq_core.config import LARGEST_TOKEN_COUNT, PreprocessingConfig
from musiq_core.images.preparation import PreparationConfig
from pipelines.decoding import decoder as decoder_module
from pipelines.decoding.decoder import Decoder
from pipelines.decoding.limits import DecoderLimits
from pipelines.decoding import decoder as decoder_module
from pipelines.decoding.decoder import receive_into
config = PreparationConfig(preprocessings=(PreprocessingConfig(),))
decoder = Decoder(config, DecoderLimits())
decoder._start()
print(decoder._process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=5)
    assert alive == []


def test_closing_twice_is_harmless(decoder):
    decoder.prepare(GOOD)
    decoder.close()
    decoder.close()
    assert_still_decodes(decoder)


def test_limits_must_make_sense():
    with pytest.raises(ValueError, match="seconds must be positive"):
        DecoderLimits(seconds=0)
    with pytest.raises(ValueError, match="memory_bytes must be at least"):
        DecoderLimits(memory_bytes=1)
