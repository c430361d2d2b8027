"""`musiq demo` goes from nothing to a table of scores, and says what comes next."""

import pytest
from helpers.run_musiq import run_here

from pipelines import open_ledger
from pipelines.samples import command, make_samples


@pytest.mark.usefixtures("installed_photos")
def test_samples_are_made_scored_and_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run_here("demo")
    assert outcome.code == 0, outcome.err
    assert "wrote 20 sample photos to samples" in outcome.err
    assert "musiq_builtin" in outcome.out
    assert "coffee_original.png" in outcome.out
    assert "musiq score --input photos/ --output ledger/" in outcome.out
    assert open_ledger("samples-ledger").counts.scored == 20


def test_a_missing_package_is_one_line_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(make_samples, "PACKAGE", "no-such-package")
    outcome = run_here("demo")
    assert outcome.code == 2
    assert "which is not installed; `make score` installs it" in outcome.error


def test_wrong_use_is_one_line(tmp_path):
    assert "unknown flag --moo" in run_here("demo", "--moo").error


@pytest.mark.usefixtures("installed_photos")
def test_photos_that_cannot_be_written_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    outcome = run_here("demo", "--photos", tmp_path / "file")
    assert (outcome.code, "cannot write --photos" in outcome.error) == (2, True)


@pytest.mark.usefixtures("installed_photos")
def test_a_failed_run_shows_no_scores(tmp_path, monkeypatch):
    monkeypatch.setattr(command.scoring, "run", lambda config, engine: 3)
    outcome = run_here("demo", "--photos", tmp_path / "samples")
    assert (outcome.code, outcome.out) == (3, "")
