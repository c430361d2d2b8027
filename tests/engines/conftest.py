"""A bucket with photos and a model, and a Dataflow that takes jobs."""

import os

import pytest
from helpers.dataflow_fake import PROJECT, REGION, running_fake
from helpers.local_server import environment
from helpers.make_images import write_images
from helpers.one_ledger import write_inputs
from helpers.run_musiq import run_here
from helpers.tiny_models import tiny_model_file

from pipelines.storage import storage_for

IMAGE = "europe-docker.pkg.dev/musiq-test-project/musiq/score@sha256:0123"


@pytest.fixture
def dataflow():
    with running_fake() as fake:
        yield fake


@pytest.fixture
def bucket(gcs):
    """A URI to write to, in this process too."""
    with environment(gcs.env):
        yield gcs.uri


@pytest.fixture
def scene(bucket, tmp_path_factory):
    """A folder of the bucket with three photos, a broken one and a model."""
    folder = f"{bucket}/scene"
    photos = tmp_path_factory.mktemp("photos")
    write_images(photos, 3)
    (photos / "broken.jpg").write_bytes(b"no image")
    storage = storage_for(folder)
    for path in photos.iterdir():
        storage.write(f"{folder}/photos/{path.name}", path.read_bytes())
    storage.write(f"{folder}/model.safetensors", tiny_model_file())
    return folder


@pytest.fixture
def arguments(scene, dataflow, request):
    """The command line of a job that Dataflow takes, its ledger its own."""
    return [
        *("score", "--input", f"{scene}/photos/"),
        *("--model", f"{scene}/model.safetensors"),
        *("--output", f"{scene}/{request.node.name.partition('[')[0]}/ledger"),
        *("--runner", "DataflowRunner", "--dataflow_endpoint", dataflow.endpoint),
        *("--project", PROJECT, "--region", REGION),
        *("--temp_location", f"{scene}/temp", "--sdk_container_image", IMAGE),
    ]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of photos and bad inputs."""
    folder = tmp_path_factory.mktemp("inputs") / "photos"
    write_inputs(folder)
    return folder


@pytest.fixture
def staged(photos, scene, arguments, dataflow, tmp_path):
    """What was submitted: the flags of `musiq score` and the file of the graph."""
    storage = storage_for(scene)
    for path in photos.rglob("*"):
        if path.is_dir():
            continue
        name = os.fsencode(path.relative_to(photos)).decode("utf-8", "replace")
        storage.write(f"{scene}/twin/{name}", path.read_bytes())
    flags = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    flags |= {"--input": f"{scene}/twin/", "--max_failure_rate": "1"}
    told = [part for flag in flags.items() for part in flag]
    submitted = run_here("score", *told)
    assert submitted.code == 0, submitted.err
    options = dataflow.jobs[0]["environment"]["sdkPipelineOptions"]["options"]
    graph = tmp_path / "pipeline.pb"
    with storage.open_read(options["pipelineUrl"]) as file:
        graph.write_bytes(file.read())
    return flags, graph
