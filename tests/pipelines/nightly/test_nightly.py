"""The nightly script: what it starts and tells of, and that no two run at once."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.make_images import encoded, noise, write_images
from helpers.run_musiq import ROOT, rows_by_key
from helpers.tiny_models import tiny_model_file

FOLDER = ROOT / "pipelines" / "nightly"
SCRIPT = FOLDER / "nightly.sh"
# A program that writes down what it was started with.
NOTE = '#!/bin/sh\nprintf "%s|" "$@" >> {file}\necho >> {file}\n'
# `musiq` but for the work: `scored` and so on hold the exit codes, if they are there.
STAND_IN = """#!/bin/sh
echo "$*" >> {here}/started
echo "of $1"
if [ -f {here}/hold ]; then touch {here}/held; fi
while [ -f {here}/hold ]; do sleep 0.05; done
[ ! -f {here}/$1 ] || {{ echo "musiq $1: error: why" >&2; exit "$(cat {here}/$1)"; }}
"""
# The real one, which first waits while it is held.
REAL = """#!/bin/sh
if [ -f {here}/hold ]; then touch {here}/held; fi
while [ -f {here}/hold ]; do sleep 0.05; done
exec {python} -m pipelines.cli "$@"
"""


class Nights:
    """Nights of one folder."""

    def __init__(self, here: Path, musiq: str):
        self.here = here
        self._program("musiq", musiq.format(here=here, python=sys.executable))
        for name in ("alert", "done"):
            self._program(name, NOTE.format(file=here / f"{name}s"))

    def _program(self, name: str, text: str) -> None:
        (self.here / name).write_text(text)
        (self.here / name).chmod(0o755)

    def start(self, *flags: object, **env: object) -> subprocess.Popen:
        told = {
            "MUSIQ": self.here / "musiq",
            "MUSIQ_STATE": self.here / "state",
            "MUSIQ_ON_ALERT": self.here / "alert",
            "MUSIQ_ON_DONE": self.here / "done",
            "PYTHONPATH": ROOT,
        } | env
        return subprocess.Popen(
            [SCRIPT, "ledger", *map(str, flags)],
            cwd=self.here,
            env=os.environ | {name: str(value) for name, value in told.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *flags: object, **env: object) -> int:
        night = self.start(*flags, **env)
        self.out, self.err = night.communicate()
        return night.returncode

    def wait_until_held(self) -> None:
        while not (self.here / "held").exists():
            time.sleep(0.05)

    def noted(self, name: str) -> list[str]:
        """What a hook was started with so far."""
        file = self.here / name
        return file.read_text().splitlines() if file.exists() else []

    @property
    def alerts(self) -> list[list[str]]:
        return [line.split("|")[:-1] for line in self.noted("alerts")]


@pytest.fixture
def nights(tmp_path):
    return Nights(tmp_path, STAND_IN)


def test_the_shell_reads_the_script():
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    assert os.access(SCRIPT, os.X_OK)


def test_a_good_night_scores_verifies_and_cleans(nights):
    assert nights.run("--input", "photos/", MUSIQ_KEEP=3) == 0
    ledger = nights.here / "ledger"
    assert nights.noted("started") == [
        f"score --output {ledger} --json --quiet --input photos/",
        f"verify --ledger {ledger}",
        f"clean --ledger {ledger} --keep 3",
    ]
    assert nights.out.splitlines() == ["of score", "of verify", "of clean"]
    assert nights.err == ""
    assert nights.noted("dones") == [f"{ledger}|"]
    assert nights.alerts == []
    [reports] = (nights.here / "state").glob("*.reports.jsonl")
    assert reports.read_text() == "of score\n"


@pytest.mark.parametrize(
    ("program", "code"),
    [*(("score", code) for code in (1, 2, 3, 4)), ("verify", 1), ("clean", 1)],
)
def test_an_exit_code_is_an_alert_and_ends_the_night(program, code, nights):
    (nights.here / program).write_text(str(code))
    assert nights.run() == code
    [alert] = nights.alerts
    assert alert == [f"musiq {program}", str(code), f"musiq {program}: error: why"]
    assert nights.noted("started")[-1].startswith(program)
    assert nights.noted("dones") == []


def test_without_a_hook_and_with_one_that_fails_stderr_says_it(nights):
    (nights.here / "score").write_text("3")
    line = "nightly: musiq score ended with exit code 3: musiq score: error: why"
    assert nights.run(MUSIQ_ON_ALERT="") == 3
    assert nights.err.splitlines()[-1] == line
    assert nights.run(MUSIQ_ON_ALERT="/absent") == 3
    assert line in nights.err
    assert nights.err.splitlines()[-1] == "nightly: /absent failed"
    (nights.here / "score").unlink()
    assert nights.run(MUSIQ_ON_DONE="/bin/false") == 1
    assert nights.alerts == [["/bin/false", "1", "the night itself was good"]]


def test_two_nights_of_one_ledger_never_run_at_once(nights):
    (nights.here / "hold").touch()
    first = nights.start()
    nights.wait_until_held()
    assert nights.run() == 75
    ledger = nights.here / "ledger"
    assert nights.alerts == [
        [f"the lock of {ledger}", "75", "the last night still runs"]
    ]
    first.kill()  # what it started still runs
    first.communicate()
    assert nights.run() == 75
    (nights.here / "hold").unlink()
    [lock] = (nights.here / "state").glob("*.lock")
    subprocess.run(["flock", lock, "true"], check=True)  # waits until it has ended
    assert nights.run() == 0


def test_no_ledger_is_a_wrong_argument():
    done = subprocess.run([SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: nightly.sh LEDGER FLAGS_OF_SCORE...\n"


@pytest.mark.slow
def test_three_nights(tmp_path):
    """New photos arrive; too many are broken; the third night is started twice."""
    nights = Nights(tmp_path, REAL)
    photos = tmp_path / "photos"
    write_images(photos, 2)
    (tmp_path / "tiny.safetensors").write_bytes(tiny_model_file())
    flags = ("--input", "photos/", "--model", "tiny.safetensors", "--workers", 1)
    assert nights.run(*flags) == 0, nights.err
    (photos / "new.png").write_bytes(encoded(noise(50, 50)))
    assert nights.run(*flags) == 0, nights.err
    assert json.loads(nights.out.splitlines()[0])["counts"]["scored"] == 1
    assert (len(rows_by_key(tmp_path / "ledger")), nights.alerts) == (3, [])

    broken = [photos / f"{number}.jpg" for number in range(20)]
    for path in broken:
        path.write_bytes(b"<html>")
    assert nights.run(*flags) == 3
    [[what, code, line]] = nights.alerts
    assert (what, code) == ("musiq score", "3")
    assert "20 of 20 images failed" in line
    assert len(rows_by_key(tmp_path / "ledger")) == 3

    for path in broken:
        path.unlink()
    (photos / "newer.png").write_bytes(encoded(noise(60, 50)))
    (tmp_path / "hold").touch()
    third = nights.start(*flags)
    nights.wait_until_held()
    assert nights.run(*flags) == 75
    assert nights.alerts[1][1] == "75"
    (tmp_path / "hold").unlink()
    out, err = third.communicate()
    assert third.returncode == 0, err
    assert json.loads(out.splitlines()[0])["counts"]["scored"] == 1
    assert len(rows_by_key(tmp_path / "ledger")) == 4
    assert len(nights.noted("dones")) == 3
    [reports] = (tmp_path / "state").glob("*.reports.jsonl")
    told = [json.loads(line)["event"] for line in reports.read_text().splitlines()]
    assert told == [*["musiq_commit"] * 2, "musiq_failure", "musiq_commit"]


def test_crontab_and_service_start_the_script_alike():
    cron = (FOLDER / "crontab").read_text()
    service = (FOLDER / "musiq-nightly.service").read_text()
    [of_cron] = re.findall(r"^0 3 \* \* \* (.+)$", cron, re.MULTILINE)
    [of_service] = re.findall(r"^ExecStart=(.+)$", service, re.MULTILINE)
    assert of_cron == f"{of_service} > /dev/null"
    assert "%" not in of_cron  # which cron would take for the end of the line
    path = Path(of_cron.split()[0])
    assert ROOT / path.relative_to("/opt/musiq") == SCRIPT
    assert cron.endswith("\n")


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze"
)
def test_systemd_reads_the_units(tmp_path):
    for name in ("musiq-nightly.service", "musiq-nightly.timer"):
        text = (FOLDER / name).read_text().replace("/opt/musiq", str(ROOT))
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
    )
    about = [line for line in done.stderr.splitlines() if "musiq-nightly" in line]
    assert about == []
