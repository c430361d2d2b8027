"""What a job's metrics say, and where its data comes from and goes to."""

import re
from concurrent.futures import ThreadPoolExecutor

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import Lineage
from apache_beam.options.pipeline_options import PipelineOptions
from helpers.make_images import write_images
from helpers.run_musiq import ROOT, manifest_of
from helpers.tiny_models import tiny_model_file
from helpers.whole_runs import models_loaded_once

from pipelines.engines.embedded.runner import embedded_runner
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.configure import start_run
from pipelines.scoring.flow import score_photos
from pipelines.scoring.input import Input, InputKind
from pipelines.scoring.monitoring import lineage
from pipelines.scoring.monitoring.metrics import (
    BATCH_FILL_PERCENT,
    BUNDLE_IMAGES,
    BYTES_READ,
    COUNTERS,
    DECODE_MS,
    DISTRIBUTIONS,
    FAILED,
    FETCH_MS,
    KEPT,
    NAMESPACE,
    PLANNED,
    RETRIES,
    SCORE_MS,
    SCORED,
    Stopwatch,
)
from pipelines.storage.retries import REPEATED

README = "pipelines/engines/README.md"


def run_job(photos, folder):
    """The metrics of one run, its counters and its distributions by name."""
    config = ScoringConfig(
        input=(f"{photos}/",),
        output=str(folder / "ledger"),
        model=(str(folder / "tiny.safetensors"),),
    )
    options = PipelineOptions([])
    pipeline = beam.Pipeline(embedded_runner(options, 1), options)
    score_photos(pipeline, start_run(config))
    result = pipeline.run()
    found = result.metrics().query()
    ours = [
        {m.key.metric.name: m.result for m in found[kind] if is_ours(m)}
        for kind in ("counters", "distributions")
    ]
    return result.metrics(), *ours


def is_ours(metric) -> bool:
    return metric.key.metric.namespace == NAMESPACE


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run over four files, one of them broken, and another with one more."""
    folder = tmp_path_factory.mktemp("metrics")
    photos = folder / "photos"
    write_images(photos, 3)
    (photos / "page.jpg").write_bytes(b"<html>")
    (folder / "tiny.safetensors").write_bytes(tiny_model_file())
    size = sum(path.stat().st_size for path in photos.iterdir())
    with models_loaded_once():
        first = run_job(photos, folder)
        (photos / "again.jpg").write_bytes(b"<html>")
        second = run_job(photos, folder)
    return folder, size, first, second


def test_every_image_is_planned_or_kept_and_what_is_planned_is_done(runs):
    folder, _, (_, first, _), (_, second, _) = runs
    assert (first[PLANNED], first.get(KEPT, 0)) == (4, 0)
    assert (first[SCORED], first[FAILED], first["failed_not_an_image"]) == (3, 1, 1)
    assert (second[PLANNED], second[KEPT]) == (1, 4)
    counts = manifest_of(folder / "ledger")["counts"]
    assert second[KEPT] == counts["carried_over"]
    assert second[PLANNED] == counts["scored"] + counts["failed"]


def test_bytes_are_counted_where_they_are_read(runs):
    _, size, (_, first, _), (_, second, _) = runs
    assert first[BYTES_READ] == size
    assert second[BYTES_READ] == len(b"<html>")


def test_times_are_measured_once_an_image_or_batch(runs):
    _, _, (_, _, first), _ = runs
    assert first.keys() == DISTRIBUTIONS.keys()
    assert first[FETCH_MS].count == 4
    assert first[DECODE_MS].count == 4
    assert first[DECODE_MS].max > 0
    assert 1 <= first[SCORE_MS].count <= 3
    assert 0 < first[BATCH_FILL_PERCENT].max <= 100
    assert first[BUNDLE_IMAGES].sum == 4


def test_the_lineage_is_the_input_and_the_ledger(runs):
    folder, _, (metrics, _, _), _ = runs
    assert Lineage.query(metrics, Lineage.SOURCE) == {
        f"filesystem:localhost.{folder}/photos/"
    }
    assert Lineage.query(metrics, Lineage.SINK) == {
        f"filesystem:localhost.{folder}/ledger/"
    }


@pytest.mark.parametrize(
    ("uri", "kind", "name"),
    [
        ("gs://bucket/photos/", InputKind.FOLDER, "gcs:bucket.photos/"),
        ("gs://bucket/", InputKind.FOLDER, "gcs:bucket"),
        ("gs://bucket/a/b*/*.jpg", InputKind.GLOB, "gcs:bucket.a/"),
        ("s3://bucket/s/{0..9}.tar", InputKind.NUMBERED, "s3:bucket.s/"),
        ("s3://bucket/[a].txt", InputKind.URI_LIST, "s3:bucket.[a].txt"),
        ("/photos/a b.jpg", InputKind.IMAGE, "filesystem:localhost./photos/a b.jpg"),
    ],
)
def test_sources_have_the_names_of_the_data_catalogue(uri, kind, name, monkeypatch):
    told = []
    monkeypatch.setattr(Lineage, "add_raw", lambda _, *parts: told.append(parts))
    lineage.tell_source(Input(number=0, uri=uri, kind=kind))
    assert ["".join(parts) for parts in told] == [name]


def test_a_retry_is_counted_by_whoever_reports_first():
    REPEATED.take()
    with ThreadPoolExecutor(3) as threads:
        for _ in range(300):
            threads.submit(REPEATED.add)
    assert (REPEATED.take(), REPEATED.take()) == (300, 0)


def test_a_stopwatch_measures_what_comes_and_not_what_is_done_with_it():
    watch = Stopwatch(FETCH_MS)
    assert list(watch.each("ab")) == ["a", "b"]
    assert list(watch._milliseconds) == [0, 0]
    watch.report()
    assert not watch._milliseconds


def test_the_readme_has_every_metric_and_no_other():
    text = (ROOT / README).read_text()
    named = set(re.findall(r"^\| `([a-z_]+)` \| (?:counter|distribution)", text, re.M))
    assert named == {*COUNTERS, *DISTRIBUTIONS}
    assert RETRIES in named
