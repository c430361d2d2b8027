"""The shape of the graph, whatever engine runs it."""

import itertools

import apache_beam as beam
import pytest
from helpers.scoring_runs import tiny_run

from pipelines.scoring.flow import score_photos

PAR_DO = "beam:transform:pardo:v1"
CHAIN = ["Fetch", "Prepare", "Score", "Journal rows"]


@pytest.fixture(scope="module")
def steps():
    """The graph's steps by name."""
    pipeline = beam.Pipeline()
    score_photos(pipeline, tiny_run())
    transforms = pipeline.to_runner_api().components.transforms.values()
    return {transform.unique_name: transform for transform in transforms}


def inputs(step, *, side: bool = False) -> list[str]:
    """What goes through a step, or what it must know of before."""
    named = step.inputs.items()
    return [name for tag, name in named if ("side_input" in tag) == side]


def test_no_bytes_and_no_patches_cross_a_shuffle(steps):
    for name in CHAIN:
        assert steps[name].spec.urn == PAR_DO
        assert len(inputs(steps[name])) == 1
    for before, after in itertools.pairwise(CHAIN):
        made = list(steps[before].outputs.values())
        assert inputs(steps[after]) == made


def test_refs_are_spread_before_they_are_fetched(steps):
    assert list(steps["Reshuffle"].outputs.values()) == inputs(steps["Fetch"])


def test_nothing_is_fetched_before_the_plan_is_checked(steps):
    checked = list(steps["Check"].outputs.values())
    assert inputs(steps["Fetch"], side=True) == checked


def test_every_step_has_a_name_for_people(steps):
    tops = {name.partition("/")[0] for name in steps if name}
    assert {"List", "Plan", *CHAIN, "Write", "Publish"} <= tops
    assert not [name for name in tops if "lambda" in name or name.startswith("Map(")]
