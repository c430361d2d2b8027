"""Prism, the strict local engine, makes the ledger that the embedded engine makes."""

import dataclasses
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.one_ledger import require_same_rows, write_inputs
from helpers.run_musiq import ROOT, manifest_of, run_musiq, table_of
from helpers.tiny_models import tiny_model_file

PRISM = ROOT / ".prism" / "prism"


@dataclasses.dataclass(frozen=True)
class Scene:
    folder: Path
    file_count: int

    def run(self, name: str, *arguments: object) -> tuple[dict, pa.Table]:
        """Score everything and give the summary and the rows."""
        ledger = self.folder / name
        outcome = run_musiq(
            *("score", "--input", self.folder / "photos", "--output", ledger),
            *("--model", self.folder / "model.safetensors", "--json"),
            *("--max_failure_rate", 1, *arguments),
        )
        assert outcome.code == 0, outcome.err
        return outcome.summary, table_of(ledger)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Scene:
    folder = tmp_path_factory.mktemp("prism")
    (folder / "model.safetensors").write_bytes(tiny_model_file())
    return Scene(folder, write_inputs(folder / "photos"))


@pytest.fixture(scope="module")
def embedded(scene) -> tuple[dict, pa.Table]:
    return scene.run("embedded", "--workers", 1)


@pytest.mark.engines
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("four", ("--workers", 4)),
        ("prism", ("--runner", "PrismRunner", "--prism_location", PRISM)),
    ],
)
def test_every_engine_makes_the_same_ledger(scene, embedded, name, arguments):
    assert PRISM.exists(), "make prism"
    expected_summary, expected = embedded
    summary, found = scene.run(name, *arguments)
    require_same_rows(found, expected)
    assert found.num_rows == scene.file_count
    assert summary["counts"] == expected_summary["counts"]
    assert summary["state"]["failures"] == expected_summary["state"]["failures"]


@pytest.mark.engines
def test_prism_goes_on_from_the_ledger_and_tells_a_failures_cause_in_one_line(
    scene, embedded
):
    """The cause comes as text through Prism, among what Beam's workers print."""
    prism = ("--runner", "PrismRunner", "--prism_location", PRISM)
    again, _ = scene.run("embedded", *prism)
    assert again["counts"]["scored"] == 0
    assert manifest_of(scene.folder / "embedded")["counts"]["carried_over"] > 0
    model = scene.folder / "wrong.safetensors"
    model.write_bytes(tiny_model_file(name="wrong", self_test_off_by=1.0))
    outcome = run_musiq(
        *("score", "--input", scene.folder / "photos", "--output", scene.folder / "x"),
        *("--model", model, *prism),
    )
    assert outcome.code == 1
    [line] = [s for s in outcome.err.splitlines() if s.startswith("musiq score: err")]
    assert "fails its self-test: picture 'noise' scores" in line
