"""The shape of the graph, whatever engine runs it."""

import datetime
import itertools

import apache_beam as beam
import pytest
from helpers.tiny_models import TINY, tiny_model_file

from musiq_core.model_files.model_file import read_model_file
from pipelines.scoring.config import ScoringConfig, ScoringModel
from pipelines.scoring.flow import score_photos
from pipelines.scoring.input import Input, InputKind
from schemas.ledger import LedgerModel

PAR_DO = "beam:transform:pardo:v1"
CHAIN = ["Fetch", "Prepare", "Score", "Journal rows"]


@pytest.fixture(scope="module")
def steps():
    """The graph's steps by name."""
    model = read_model_file(tiny_model_file())
    columns = LedgerModel(name="tiny", digest=model.digest, has_distribution=True)
    config = ScoringConfig(
        inputs=(Input(number=0, uri="/photos/", kind=InputKind.FOLDER),),
        output="/ledger",
        models=(ScoringModel(uri="m", columns=columns, config=TINY, card=model.card),),
        run_id="run",
        started_at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        manifest_number=1,
    )
    pipeline = beam.Pipeline()
    score_photos(pipeline, config)
    transforms = pipeline.to_runner_api().components.transforms.values()
    return {transform.unique_name: transform for transform in transforms}


def test_no_bytes_and_no_patches_cross_a_shuffle(steps):
    for name in CHAIN:
        assert steps[name].spec.urn == PAR_DO
        assert len(steps[name].inputs) == 1
    for before, after in itertools.pairwise(CHAIN):
        made = list(steps[before].outputs.values())
        assert list(steps[after].inputs.values()) == made


def test_refs_are_spread_before_they_are_fetched(steps):
    assert list(steps["Reshuffle"].outputs.values()) == list(
        steps["Fetch"].inputs.values()
    )


def test_every_step_has_a_name_for_people(steps):
    tops = {name.partition("/")[0] for name in steps if name}
    assert {"List", "Plan", *CHAIN, "Write", "Publish"} <= tops
    assert not [name for name in tops if "lambda" in name or name.startswith("Map(")]
