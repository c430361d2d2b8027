"""A run's folder says what its checkpoints belong to, in any store."""

import dataclasses

import pytest
from helpers.local_server import environment

from pipelines.storage import join, storage_for
from schemas.errors import UsageError
from training.experiments import load_experiment
from training.experiments.run_folder import (
    Run,
    read_run,
    require_continuable,
    write_run,
)

RUN = Run(experiment=load_experiment("tiny"), dataset="rated", dataset_sha256="0" * 64)


@pytest.fixture(params=["local", "gcs", "s3"])
def output(request, tmp_path):
    """A folder in each store that does not exist yet."""
    if request.param == "local":
        yield str(tmp_path / "run")
        return
    emulator = request.getfixturevalue(request.param)
    with environment(emulator.env):
        yield f"{emulator.uri}/{tmp_path.parent.name}/{tmp_path.name}/run"


def test_the_same_run_goes_on_and_another_is_refused(output):
    require_continuable(output, RUN)
    write_run(output, RUN)
    assert read_run(output) == RUN
    require_continuable(output, RUN)
    other = dataclasses.replace(RUN, dataset_sha256="1" * 64)
    with pytest.raises(UsageError, match=r"differs in dataset_sha256; name a new"):
        require_continuable(output, other)


def test_a_folder_with_other_files_is_refused(output):
    notes = join(output, "notes.txt")
    storage_for(notes).write(notes, b"")
    with pytest.raises(UsageError, match=r"has files but no experiment\.json"):
        require_continuable(output, RUN)
    with pytest.raises(UsageError, match="is not the output of `musiq-train run`"):
        read_run(output)
    with pytest.raises(UsageError, match=r"notes\.txt is a file; name a folder"):
        require_continuable(notes, RUN)
