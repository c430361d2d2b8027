"""Releases and shards on gs://, through an emulator, equal those on local disk."""

import pytest
from helpers import make_releases
from helpers.local_server import environment
from helpers.prepared import files_of, run_prepare

from pipelines.storage import storage_for


@pytest.fixture
def bucket(gcs):
    with environment(gcs.env):
        yield f"{gcs.uri}/preparing"


@pytest.mark.parametrize("dataset", ["imagenet", "kadid10k"])
def test_shards_on_gcs_equal_the_local_ones(bucket, tmp_path, dataset):
    make = {"imagenet": make_releases.imagenet_tars, "kadid10k": make_releases.kadid}
    release, output = make[dataset](tmp_path / "release"), tmp_path / "prepared"
    root = f"{bucket}/{dataset}"
    for name, data in files_of(release).items():
        storage_for(root).write(f"{root}/release/{name}", data)
    local = run_prepare(dataset, release, output)
    remote = run_prepare(dataset, f"{root}/release", f"{root}/prepared")
    assert local.code == remote.code == 0, remote.err
    prefix = f"{root}/prepared/"
    found = {
        one.uri.removeprefix(prefix): storage_for(prefix).open_read(one.uri).read()
        for one in storage_for(prefix).list(prefix)
    }
    assert found == files_of(output)
    again = run_prepare(dataset, f"{root}/release", f"{root}/prepared")
    assert "found unchanged" in again.out
