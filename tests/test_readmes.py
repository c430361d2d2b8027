"""Every command of every README runs on small data, or has a reason why it cannot."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.given_ledger import given_ledger
from helpers.make_images import photo_like, write_images
from helpers.make_shards import tar_of
from helpers.rated_photos import write_rated_photos
from helpers.readme_blocks import Block, blocks_of, readmes
from helpers.run_musiq import ROOT
from helpers.shared_data import SHARED
from helpers.tiny_models import tiny_model_file
from helpers.written_ledger import write_ledger
from PIL import Image

import pipelines.cli
import training.cli
from pipelines.samples.make_samples import PHOTOS
from schemas.programs.command_line import accept_hyphens

CLOUD = "needs an account in Google Cloud"
# Of each README, how a block begins that cannot run here, and the reason.
NOT_HERE = {
    "README.md": {
        ".venv/bin/musiq models import koniq_ckpt.npz": "the checkpoint is downloaded",
    },
    "pipelines/scoring/README.md": {
        "musiq score --input gs://bucket/photos/": CLOUD,
        "pip download ": "downloads all packages",
    },
    "pipelines/engines/README.md": {
        "mvn ": "downloads Flink's job server",
        "PATH=.venv/bin:$PATH NPROC=1": "serves a cluster until it is stopped",
        "musiq score --input s3://photos/2026/": "needs a Flink cluster",
    },
    "pipelines/dataflow/README.md": {
        "musiq score --input gs://my-bucket/photos/ --output gs://my-bucket/led": CLOUD,
        "gcloud services enable ": CLOUD,
        "musiq models import gs://gresearch/": CLOUD,
        "REPOSITORY=": CLOUD,
        "digest() ": "asks registries of images",
        "musiq score --input gs://my-bucket/photos/ --output gs://my-bucket/pre": CLOUD,
        "gcloud scheduler ": CLOUD,
        "body = json.loads(": "needs Airflow",
        "gcloud dataflow jobs list ": CLOUD,
        "gcloud logging metrics create ": CLOUD,
        "gcloud dataflow jobs cancel ": CLOUD,
        "gcloud beta dataflow metrics list ": CLOUD,
        "PROJECT=my-project ": CLOUD,
    },
    "pipelines/nightly/README.md": {"sudo mkdir ": "needs root, and systemd"},
    "training/README.md": {"for i in 0 1 2": "trains on KonIQ-10k ten times"},
    "training/builtin/README.md": {
        "musiq-train builtin ": "trains for hours on photos that are not here",
    },
    "tests/README.md": {"make lint ": "runs this very suite, and others for hours"},
}


def runnable(readme: str) -> list[Block]:
    excused = tuple(NOT_HERE.get(readme, {}))
    return [one for one in blocks_of(readme) if not one.text.startswith(excused)]


def with_photos(folder: Path) -> None:
    """What a scoring README names: photos, lists of them, shards and models."""
    write_images(folder / "photos", 2)
    for path in (folder / "photos").iterdir():
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    names = [f"photos/{path.name}" for path in (folder / "photos").iterdir()]
    (folder / "uris.txt").write_text("\n".join(names))
    (folder / "photos.csv").write_text("\n".join(["path", *names]))
    (folder / "shards").mkdir()
    for number in range(2):
        image = (folder / names[number]).read_bytes()
        shard = folder / "shards" / f"{number:04d}.tar"
        shard.write_bytes(tar_of([("a.jpg", image)]))
    for name in ("koniq", "ava"):
        (folder / f"{name}.safetensors").write_bytes(tiny_model_file(name=name))


def with_ledger(folder: Path) -> None:
    """A ledger, and photos for a job that reads a table of them."""
    (folder / "ledger").mkdir()
    write_ledger(str(folder / "ledger"), [0.25, None, 0.75])
    write_images(folder / "photos", 2)


def with_scores(folder: Path) -> None:
    """A ledger of two models, with a column of the list that the photos came from."""
    rows = [
        {
            "musiq_koniq": 10.0 * n,
            "musiq_ava": 5.0,
            "camera": "ab"[n % 2],
            "width": 800,
            "format": "JPEG",
        }
        for n in range(10)
    ]
    known = {"score_range": [0.0, 100.0], "higher_is_better": True}
    given_ledger(
        folder / "ledger",
        rows,
        carried=[pa.field("camera", pa.string())],
        models={"koniq": known, "ava": known},
    )


def with_real_photos(folder: Path) -> None:
    """Eight photos that people took."""
    (folder / "photos").mkdir()
    found = sorted((SHARED / "photos" / "train").glob("*.jpg"))
    for path in found[:: len(found) // 8][:8]:
        photo = Image.open(path).convert("RGB")
        photo.thumbnail((512, 512))
        photo.save(folder / "photos" / path.name, quality=95)


def with_data_set(folder: Path) -> None:
    """Photos, and a data set that says how good each of them is."""
    write_images(folder / "photos", 2)
    write_rated_photos(folder / "data" / "koniq", train=16, test=8)


def with_sources(folder: Path) -> None:
    """What `make` needs to find everything installed, and sample photos to take."""
    for name in ("Makefile", "setup.py", *(p.name for p in ROOT.glob("*.lock"))):
        shutil.copy(ROOT / name, folder)
    for name in ("installed", "installed-samples"):
        (folder / ".venv" / name).touch()
    write_images(folder / "photos", 2)
    data = folder / "site" / "skimage" / "data"
    data.mkdir(parents=True)
    for number, name in enumerate(PHOTOS):
        Image.fromarray(photo_like(64, 80, seed=number)).save(data / name)
    info = folder / "site" / "scikit_image-0.26.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-image\n")


SMALL_DATA: dict[str, Callable[[Path], None]] = {
    "README.md": with_sources,
    "musiq_core/README.md": lambda _: None,
    "pipelines/README.md": with_ledger,
    "pipelines/scoring/README.md": with_photos,
    "pipelines/selecting/README.md": with_scores,
    "pipelines/selecting/duplicates/README.md": lambda folder: write_images(
        folder / "photos", 3
    ),
    "pipelines/selecting/tutorial/README.md": with_real_photos,
    "schemas/README.md": with_ledger,
    "training/README.md": with_data_set,
}
SLOW = {
    "pipelines/scoring/README.md",
    "pipelines/selecting/tutorial/README.md",
    "training/README.md",
}


@pytest.fixture
def folder(tmp_path):
    """A folder where the commands are installed: `musiq`, and `.venv/bin/musiq`."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, module in (("musiq", "pipelines"), ("musiq-train", "training")):
        script = f'#!/bin/sh\nexec "{sys.executable}" -m {module}.cli "$@"\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    return tmp_path


def run_block(block: Block, folder: Path) -> None:
    if block.language == "python":
        command = [sys.executable, "-c", block.text]
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.text]
    paths = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    modules = f"{ROOT}{os.pathsep}{folder / 'site'}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": paths, "PYTHONPATH": modules},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "readme",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in readmes()
        if runnable(name)
    ],
)
def test_every_command_runs(readme, folder):
    SMALL_DATA[readme](folder)
    for block in runnable(readme):
        run_block(block, folder)


def test_no_excuse_outlives_its_command():
    for readme, excused in NOT_HERE.items():
        texts = [block.text for block in blocks_of(readme)]
        for beginning in excused:
            assert len([t for t in texts if t.startswith(beginning)]) == 1, beginning


def test_commands_that_cannot_run_here_are_understood():
    parsers = {"musiq": pipelines.cli, "musiq-train": training.cli}
    commands = [
        shlex.split(line.removeprefix(".venv/bin/"), comments=True)
        for readme in readmes()
        for block in blocks_of(readme)
        for line in block.text.replace("\\\n", " ").replace("$i", "1").splitlines()
        if line.strip().startswith(("musiq", ".venv/bin/musiq"))
    ]
    assert len(commands) >= 20
    for program, *words in commands:
        parser = parsers[program].build_parser()
        _, rest = parser.parse_known_args(accept_hyphens(words))
        assert not rest or "--runner" in rest, (program, words)


def test_every_make_target_that_a_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for readme in readmes():
        text = (ROOT / readme).read_text()
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
            assert re.search(rf"^[a-z -]*\b{target}\b.*:", makefile, re.M), target
        for suite in re.findall(r"SUITE=([a-z-]+)", text):
            assert f"TESTS_{suite} :=" in makefile, suite


def test_every_link_leads_somewhere():
    for readme in readmes():
        text = (ROOT / readme).read_text()
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in link:
                assert ((ROOT / readme).parent / link).exists(), (readme, link)
