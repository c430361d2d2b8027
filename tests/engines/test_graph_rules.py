"""What the graph itself must be, whichever engine runs it."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import PipelineVisitor
from apache_beam.pvalue import AsSideInput, PCollection
from helpers.make_images import write_images
from helpers.tiny_models import tiny_model_file

from pipelines.cli import build_parser
from pipelines.engines.embedded.runner import embedded_runner
from pipelines.scoring.configure import start_run
from pipelines.scoring.flow import score_photos
from schemas.programs.command_line import parse_arguments

_MOST_BYTES = 64  # a digest may cross a shuffle, a file may not


@pytest.fixture
def run(tmp_path):
    write_images(tmp_path / "photos", 3)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "model.safetensors").write_bytes(tiny_model_file())
    told = ["score", f"--input={tmp_path}/photos", f"--output={tmp_path}/ledger"]
    told.append(f"--model={tmp_path}/model.safetensors")
    config, _ = parse_arguments(build_parser(), told)
    return start_run(config)


def built(run) -> beam.Pipeline:
    options = PipelineOptions([])
    pipeline = beam.Pipeline(embedded_runner(options, workers=1), options)
    score_photos(pipeline, run)
    return pipeline


class Shuffled(PipelineVisitor):
    """Every collection that is grouped or broadcast, by the step that does it."""

    def __init__(self):
        self.found: dict[str, PCollection] = {}

    def visit_transform(self, transform_node):
        step = transform_node.full_label
        if isinstance(transform_node.transform, beam.GroupByKey):
            [self.found[step]] = transform_node.inputs
        for number, side in enumerate(transform_node.side_inputs):
            assert isinstance(side, AsSideInput)
            self.found[f"{step} side {number}"] = side.pvalue


def heavy_parts(value: object, where: str = "") -> Iterator[str]:
    """Name the pictures and the files in a value, however deep.

    A list of numbers is no picture: a shard's summary has a sample of its scores.
    """
    if isinstance(value, np.ndarray):
        if value.ndim > 1 or value.dtype == np.uint8:
            yield f"{where}: array"
    elif isinstance(value, bytes) and len(value) > _MOST_BYTES:
        yield f"{where}: {len(value)} bytes"
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from heavy_parts(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from heavy_parts(one, f"{where}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from heavy_parts(one, f"{where}[{index}]")


def note(value: object, step: str, folder: str) -> None:
    path = Path(folder, step.replace("/", "|"))
    seen = json.loads(path.read_text()) if path.exists() else []
    found = [type(value).__name__, *heavy_parts(value, type(value).__name__)]
    path.write_text(json.dumps([*seen, found]))


def test_no_pixels_and_no_files_cross_a_shuffle(run, tmp_path):
    pipeline = built(run)
    shuffled = Shuffled()
    pipeline.visit(shuffled)
    folder = tmp_path / "seen"
    folder.mkdir()
    for step, collection in shuffled.found.items():
        _ = collection | f"Note {step}" >> beam.Map(note, step, str(folder))
    pipeline.run().wait_until_finish()
    seen = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert sum(map(len, seen.values())) > 20
    for step, values in seen.items():
        for _, *heavy in values:
            assert not heavy, step


def test_heavy_parts_would_be_found():
    assert list(heavy_parts(("uri", np.zeros((3, 3))), "x")) == ["x[1]: array"]
    assert list(heavy_parts([np.zeros(3, np.uint8)], "x")) == ["x[0]: array"]
    assert list(heavy_parts({"a": [b"0" * 65]}, "x")) == ["x['a'][0]: 65 bytes"]
    assert not list(heavy_parts((1, "text" * 99, b"0" * 32)))


def names(run) -> list[str]:
    components = built(run).to_runner_api().components
    return [transform.unique_name for transform in components.transforms.values()]


def test_steps_have_unique_names_that_stay(run):
    first = names(run)
    assert len(set(first)) == len(first)
    another = dataclasses.replace(
        run, id="another", asked=dataclasses.replace(run.asked, max_failure_rate=0.5)
    )
    assert sorted(names(another)) == sorted(first)


def test_refs_are_spread_over_workers_before_files_are_fetched(run):
    """Without it, the step that lists would also fetch and score, on one worker."""
    components = built(run).to_runner_api().components
    by_name = {t.unique_name: t for t in components.transforms.values()}
    producers = {
        collection: t.unique_name
        for t in components.transforms.values()
        for collection in t.outputs.values()
        if not t.subtransforms
    }
    sources = by_name["Fetch"].inputs.items()
    [read] = [name for tag, name in sources if "side_input" not in tag]
    chain = [name for name in producers.values()]
    assert producers[read].startswith("Reshuffle/"), chain
