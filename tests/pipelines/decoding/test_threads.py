"""libheif gets its threads; nothing in the decode child gets a process."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.make_heif import RGB_8, RGB_10, heif, picture, turned
from helpers.make_images import encoded, noise

from musiq_core.config import PreprocessingConfig
from musiq_core.images.extras import decoders
from musiq_core.images.preparation import PreparationConfig, prepare
from pipelines.decoding import threads
from pipelines.decoding.decoder import Decoder
from pipelines.decoding.limits import DecoderLimits
from schemas.failures import ImageFailure

ROOT = Path(__file__).parents[3]
CONFIG = PreparationConfig(preprocessings=(PreprocessingConfig(),))

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's"),
    pytest.mark.skipif(
        decoders.decoder_of("HEIC/HEIF") is None,
        reason="test_missing_extras.py says that the extra is missing",
    ),
]


@pytest.fixture
def decoder():
    decoder = Decoder(CONFIG, DecoderLimits())
    yield decoder
    decoder.close()


def run_limited(code: str) -> list[str]:
    """Run code after the child has given up its powers; what it prints, in words."""
    start = """
import ctypes, os, resource, subprocess, sys, threading
from pipelines.decoding import threads
from pipelines.decoding.child import _give_up_powers
def refused(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    except RuntimeError:
        return "RuntimeError"
    return "done"
def start_thread():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("data", [heif(picture()), heif(picture(RGB_10, turned(1)))])
def test_the_child_reads_heif_as_we_would(decoder, data):
    theirs, ours = decoder.prepare(data), prepare(data, CONFIG)
    assert theirs.facts == ours.facts
    assert (theirs.patches[0].native == ours.patches[0].native).all()
    assert decoder.prepare(encoded(noise(40, 60))).facts.format == "PNG"


def test_threads_are_for_heif_alone_and_processes_for_nothing():
    heic = f"heic = {heif(picture())!r}\n"
    code = """
most = _give_up_powers(2 ** 31)
print(refused(start_thread))
with threads.allowed_for(b"\\x89PNG\\r\\n\\x1a\\n", most):
    print(refused(start_thread))
with threads.allowed_for(heic, most):
    print(refused(start_thread))
    print(refused(os.fork), refused(lambda: os.execv("/bin/true", ["true"])))
    print(refused(lambda: os.posix_spawn("/bin/true", ["true"], {})))
print(refused(start_thread))
"""
    assert run_limited(heic + code) == [
        *("RuntimeError", "RuntimeError", "done"),
        *("PermissionError", "PermissionError", "PermissionError"),
        "RuntimeError",
    ]


def test_a_child_that_raises_its_own_limit_still_gets_no_process():
    code = """
most = _give_up_powers(2 ** 31)
resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
libc = ctypes.CDLL(None, use_errno=True)
calls = {"x86_64": (57, 58, 56, 435), "aarch64": (220, 435)}[os.uname().machine]
print(*(libc.syscall(call, 0, 0, 0, 0, 0) for call in calls))
"""
    assert set(run_limited(code)) == {"-1"}


def test_without_the_extra_the_limit_stays_as_it_was():
    code = """
from musiq_core.images.extras import decoders
decoders._DECODERS["HEIC/HEIF"] = None
print(_give_up_powers(2 ** 31), *resource.getrlimit(resource.RLIMIT_NPROC))
"""
    assert run_limited(code) == ["0", "0", "0"]


def test_a_kernel_without_filters_reads_no_heif():
    code = """
threads.forbid_processes = lambda: False
print(_give_up_powers(2 ** 31), *resource.getrlimit(resource.RLIMIT_NPROC))
"""
    assert run_limited(code) == ["0", "0", "0"]
    with (
        pytest.raises(ImageFailure, match="needs threads, and this kernel") as caught,
        threads.allowed_for(heif(picture()), 0),
    ):
        pass
    assert caught.value.failure == "unsupported_format"
    with threads.allowed_for(encoded(noise(4, 4)), 0):
        pass


def test_heif_that_needs_more_memory_costs_no_more_than_itself():
    decoder = Decoder(CONFIG, DecoderLimits(memory_bytes=2**29))
    large = heif(picture(RGB_8, width=8000, height=8000))
    try:
        with pytest.raises(ImageFailure) as caught:
            decoder.prepare(large)
        assert caught.value.failure in ("too_large", "undecodable")
        assert decoder.prepare(heif(picture())).facts.width == 64
    finally:
        decoder.close()


def test_tiles_are_decoded_in_turn_in_the_child():
    code = """
from musiq_core.images.extras.decoders import decode_tiles_in_turn
import pi_heif
decode_tiles_in_turn()
print(pi_heif.options.DECODE_THREADS)
"""
    assert decoders.decoder_of("HEIC/HEIF") is not None
    assert run_limited(code) == ["0"]
