"""A bucket with photos and a model, and a Dataflow that takes jobs."""

import pytest
from helpers.dataflow_fake import PROJECT, REGION, running_fake
from helpers.local_server import environment
from helpers.make_images import write_images
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
