"""The whole job, through the command line, on tiny releases in official layouts."""

import io
import json
import shutil

import numpy as np
import pytest
from helpers import make_releases
from helpers.make_releases import jpeg, write_files
from helpers.prepared import (
    files_of,
    prepare,
    read_prepared,
    run_prepare,
)
from helpers.run_musiq import run_here
from PIL import Image

from musiq_core.images.decode import decode_image
from pipelines.preparing.config import PreparingConfig
from pipelines.preparing.plan import plan_shards
from pipelines.preparing.publish import LostShardsError, publish
from pipelines.preparing.write import write_shard

TWO_A_SHARD = ("--examples_per_shard", 2)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "prepared"


@pytest.fixture
def release(tmp_path):
    return tmp_path / "release"


@pytest.fixture(scope="module")
def biq2021(tmp_path_factory):
    """A release and what was prepared from it, two examples a shard."""
    folder = tmp_path_factory.mktemp("biq2021")
    make_releases.biq2021(folder / "release")
    prepare("biq2021", folder / "release", folder / "prepared", *TWO_A_SHARD)
    return folder


@pytest.fixture
def copied(biq2021, release, output):
    """The same to be changed."""
    shutil.copytree(biq2021 / "release", release)
    shutil.copytree(biq2021 / "prepared", output)


@pytest.fixture(scope="module")
def ava(tmp_path_factory):
    """The outcome and what was prepared of images of which not all can be read."""
    folder = tmp_path_factory.mktemp("ava")
    make_releases.ava(folder / "release")
    outcome = run_prepare("ava", folder / "release", folder / "prepared")
    assert outcome.code == 0, outcome.err
    return outcome, read_prepared(folder / "prepared")


def test_biq2021_keeps_names_splits_and_plain_files(biq2021):
    prepared = read_prepared(biq2021 / "prepared")
    assert prepared.names("train") == [f"ss01 ({number}).jpg" for number in range(1, 6)]
    assert prepared.names("test") == ["ss02 (1014).jpg", "ss02 (653).jpg"]
    examples = prepared.examples
    assert examples["ss01 (3).jpg"].label == (0.35,)
    assert examples["ss01 (3).jpg"].image == jpeg(3)
    assert examples["ss02 (1014).jpg"].image == jpeg(6)  # the file ends in .JPG
    first_of_two = examples["ss02 (653).jpg"].image
    assert first_of_two.startswith(b"\x89PNG")
    expected = decode_image(make_releases.mpo(7)).pixels
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(first_of_two))), expected
    )
    card = prepared.card
    assert (card.name, card.label_kind, card.label_low, card.label_high) == (
        *("biq2021", "score"),
        *(0, 1),
    )
    assert set(card.sources) == {
        "Train (Images and MOS).csv",
        "Test (Images and MOS).csv",
    }


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_same_release_gives_the_same_bytes(biq2021, output, workers):
    more = (*TWO_A_SHARD, "--workers", workers)
    prepare("biq2021", biq2021 / "release", output, *more)
    first, second = files_of(biq2021 / "prepared"), files_of(output)
    assert len(first) == 5
    assert first == second


def test_preparing_again_changes_nothing(biq2021):
    output = biq2021 / "prepared"
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    outcome = run_prepare("biq2021", biq2021 / "release", output, *TWO_A_SHARD)
    assert outcome.code == 0
    assert "found unchanged biq2021" in outcome.out
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Images/ss01 (3).jpg": jpeg(99)}, "shards"),
        (
            {"Test (Images and MOS).csv": "Image Name,MOS\nss02 (653).jpg,1\n"},
            "sources",
        ),
    ],
)
@pytest.mark.usefixtures("copied")
def test_another_data_set_is_never_overwritten(release, output, change, field):
    before = files_of(output)
    write_files(release, change)
    outcome = run_prepare("biq2021", release, output, *TWO_A_SHARD)
    assert outcome.code == 2
    assert f"differs in {field}" in outcome.error
    assert files_of(output) == before


def test_the_rest_of_an_interrupted_run_is_replaced(release, output):
    make_releases.kadid(release)
    rest = {"train-00000-of-00009.array_record": b"half", ".musiq-1a": b""}
    write_files(output, rest)
    prepare("kadid10k", release, output)
    assert "train-00000-of-00009.array_record" not in files_of(output)


def test_missing_and_unreadable_images_are_counted(ava):
    outcome, prepared = ava
    assert "1 image is missing: 1001.jpg" in outcome.err
    assert "1 image is unreadable: 1002.jpg (1 truncated)" in outcome.err
    assert prepared.card.missing == {"count": 1, "names": ["1001.jpg"]}
    assert prepared.card.unreadable == {
        "count": 1,
        "names": ["1002.jpg"],
        "failures": {"truncated": 1},
    }
    assert len(prepared.examples) == 8


def test_a_split_that_cannot_be_read_at_all_is_refused(release, output):
    make_releases.ava(release)
    for number in (1009, 1010):
        (release / f"images/{number}.jpg").write_bytes(b"no image")
    outcome = run_prepare("ava", release, output)
    assert outcome.code == 2
    assert outcome.error.endswith("no image of the split test can be read")
    assert not (output / "dataset.json").exists()


def test_ava_trains_on_all_that_is_not_tested(ava):
    _, prepared = ava
    assert prepared.names("test") == ["1009.jpg", "1010.jpg"]
    assert prepared.names("train") == [f"{1000 + n}.jpg" for n in range(3, 9)]
    votes = [0, 1, 5, 17, 38, 36, 15, 6, 5, 4]
    label = prepared.examples["1004.jpg"].label
    np.testing.assert_allclose(label, np.array(votes) / sum(votes))
    assert (prepared.card.label_kind, prepared.card.label_size) == ("distribution", 10)


def test_every_example_holds_an_upright_picture_of_8_bits(ava):
    examples = ava[1].examples
    for example in examples.values():
        picture = Image.open(io.BytesIO(example.image))
        assert (picture.format, picture.mode) in {("JPEG", "RGB"), ("PNG", "RGB")}
    assert examples["1003.jpg"].image.startswith(b"\x89PNG")  # was CMYK
    assert examples["1004.jpg"].image == jpeg(4)


def test_spaq_is_upright_and_its_shorter_side_has_512_pixels(release, output):
    prepared = prepare("spaq", make_releases.spaq(release), output)
    sizes = {
        name: Image.open(io.BytesIO(example.image)).size
        for name, example in prepared.examples.items()
    }
    assert sizes.pop("00001.jpg") == (512, 683)  # EXIF says: turn it
    assert set(sizes.values()) == {(683, 512)}
    assert (len(prepared.names("train")), len(prepared.names("test"))) == (4, 1)


def test_both_layouts_of_imagenet_give_the_same_examples(tmp_path):
    raw = prepare(
        "imagenet", make_releases.imagenet_tars(tmp_path / "raw"), tmp_path / "a"
    )
    tfds = prepare(
        "imagenet", make_releases.imagenet_tfds(tmp_path / "tfds"), tmp_path / "b"
    )
    assert raw.examples == tfds.examples
    assert len(raw.splits["train"]) == 6
    labels = {name: example.label[0] for name, example in raw.examples.items()}
    # Sorted WordNet ids, which is another order than the devkit's numbers.
    assert labels["n01440764_1.JPEG"] == 0
    assert labels["n02105855_2933.JPEG"] == 1
    assert labels["n02119789_2.JPEG"] == 2
    assert [labels[f"ILSVRC2012_val_0000000{n}.JPEG"] for n in (1, 2, 3, 4)] == [
        *(0, 2, 1, 0)
    ]
    assert raw.card.label_size == 3
    assert raw.card.label_kind == "class"
    assert raw.examples["n02105855_7.JPEG"].image.startswith(b"\x89PNG")


def test_your_own_csv_with_splits_and_groups(release, output):
    lines = ["image,mos,split,group", "a/1.jpg,1.5,train,x", "2.jpg,5,test,y"]
    files = {"a/1.jpg": jpeg(1), "2.jpg": jpeg(2), "labels.csv": "\n".join(lines)}
    prepared = prepare(
        *("csv", write_files(release, files), output),
        *("--scale", 1, 5, "--lower_is_better", "--name", "mine"),
    )
    assert prepared.examples["a/1.jpg"].group == "x"
    assert prepared.card.name == "mine"
    assert not prepared.card.higher_is_better


def test_everything_can_be_put_into_one_split(release, output):
    prepared = prepare(
        "biq2021", make_releases.biq2021(release), output, "--split", "test"
    )
    assert list(prepared.splits) == ["test"]
    assert len(prepared.names("test")) == 7


BAD = [
    ("no folder", None, "there is no folder"),
    ("no file", {"labels.csv": None}, "has no file *.csv"),
    ("header", {"labels.csv": "name,score\n1.jpg,1\n"}, "must have a column mos or"),
    ("no image column", {"labels.csv": "name,mos\n1.jpg,1\n"}, "has no column image"),
    (
        "NaN",
        {"labels.csv": "image,mos\n1.jpg,1\n2.jpg,NaN\n"},
        "line 3: expected",
    ),
    ("no score", {"labels.csv": "image,mos\n1.jpg,\n2.jpg,1\n"}, "line 2: expected"),
    (
        "scale",
        {"labels.csv": "image,mos\n1.jpg,101\n2.jpg,1\n"},
        "outside the",
    ),
    ("short", {"labels.csv": "image,mos\n1.jpg\n"}, "line 2: 1 cells, but the header"),
    (
        "twice",
        {"labels.csv": "image,mos\n1.jpg,1\n1.jpg,2\n"},
        "several labels",
    ),
    ("rows", {"labels.csv": "image,mos\n"}, "have no rows"),
    ("one image", {"labels.csv": "image,mos\n1.jpg,1\n"}, "the split test is empty"),
    (
        "leak",
        {"labels.csv": "image,mos,split,group\n1.jpg,1,train,g\n2.jpg,2,test,g\n"},
        "the split would leak: '1.jpg' in train and '2.jpg' in test",
    ),
    (
        "empty split",
        {"labels.csv": "image,mos,split\n1.jpg,1,train\n2.jpg,2,train\n"},
        "the split test is empty",
    ),
    (
        "unknown split",
        {"labels.csv": "image,mos,split\n1.jpg,1,train\n2.jpg,2,val\n"},
        "is in the split 'val'",
    ),
    (
        "no images",
        {"labels.csv": "image,mos\n7.jpg,1\n8.jpg,2\n9.jpg,3\n"},
        "none of the images of the split",
    ),
    ("latin-1", {"labels.csv": "image,mos\n\xe9.jpg,1\n".encode("latin-1")}, "UTF-8"),
    ("two files", {"more.csv": "image,mos\n1.jpg,1\n"}, "has several files *.csv"),
]


@pytest.mark.parametrize(
    ("files", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD]
)
def test_bad_input_is_one_line_and_nothing_is_written(release, output, files, message):
    if files is not None:
        good = {
            "1.jpg": jpeg(1),
            "2.jpg": jpeg(2),
            "labels.csv": "image,mos\n1.jpg,1\n",
        }
        files = {
            name: data for name, data in (good | files).items() if data is not None
        }
        write_files(release, files)
    outcome = run_prepare("csv", release, output, "--scale", 0, 100)
    assert outcome.code == 2
    assert message in outcome.error
    assert not output.exists()


def test_a_missing_image_folder_is_one_line(release, output):
    shutil.rmtree(make_releases.koniq_sets(release) / "1024x768")
    outcome = run_prepare("koniq10k", release, output)
    assert outcome.code == 2
    assert "has no folder 1024x768/ with the images" in outcome.error
    assert not output.exists()


def test_a_folder_that_holds_other_things_is_no_output(release, output):
    write_files(output, {"photo.jpg": jpeg(1)})
    outcome = run_prepare("biq2021", make_releases.biq2021(release), output)
    assert outcome.code == 2
    assert "is not empty: it holds 'photo.jpg'" in outcome.error
    assert list(files_of(output)) == ["photo.jpg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("koniq10k", "--scale", "0", "1"), "the scale of koniq10k is known"),
        (("imagenet", "--split", "random"), "leave --split out"),
        (("csv", "--lower_is_better"), "needs --scale"),
        (("csv", "--scale", "5", "1"), "must ascend"),
        (("tid2013",), "invalid choice: 'tid2013'"),
        (("csv", "--sede", "1"), "did you mean --seed?"),
    ],
)
def test_contradictory_arguments_are_refused(release, output, arguments, message):
    release.mkdir()
    outcome = run_prepare(arguments[0], release, output, *arguments[1:])
    assert outcome.code == 2
    assert message in outcome.error


def test_a_damaged_tar_stops_the_job_in_one_line(release, output):
    make_releases.imagenet_tars(release)
    path = release / "ILSVRC2012_img_train.tar"
    path.write_bytes(path.read_bytes()[:-9000])
    outcome = run_prepare("imagenet", release, output)
    assert outcome.code == 2
    assert "ILSVRC2012_img_train.tar: the archive ends" in outcome.error
    assert not output.exists()


def test_absent_files_of_imagenet_are_noticed(release, output):
    make_releases.imagenet_tfds(release)
    next(release.rglob("*train.tfrecord-00001-*")).unlink()
    outcome = run_prepare("imagenet", release, output)
    assert outcome.code == 2
    assert "has 1 of the 2 files of train" in outcome.error


def test_a_damaged_record_stops_the_job(release, output):
    make_releases.imagenet_tfds(release)
    path = next(release.rglob("*train.tfrecord-00001-*"))
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    outcome = run_prepare("imagenet", release, output)
    assert outcome.code == 2
    assert "does not match its checksum" in outcome.error
    assert not (output / "dataset.json").exists()


def test_the_help_names_every_data_set():
    outcome = run_here("prepare", "--help")
    assert outcome.code == 0
    for name in ("koniq10k", "paq2piq", "spaq", "ava", "imagenet", "kadid10k", "csv"):
        assert f"\n  {name}" in outcome.out


def test_the_summary_is_json_if_wanted(release, output):
    outcome = run_prepare("kadid10k", make_releases.kadid(release), output, "--json")
    told = json.loads(outcome.out)
    assert told["examples"] == {"train": 8, "test": 2}


def test_lost_shards_are_not_published(release, output):
    config = PreparingConfig(
        dataset="kadid10k",
        name="kadid10k",
        title="",
        licence="",
        input=str(make_releases.kadid(release)),
        output=str(output),
        examples_per_shard=3,
    )
    plan = plan_shards(config)
    summaries = [write_shard(shard, config) for shard in plan.shards]
    with pytest.raises(LostShardsError, match="4 shards were planned, but 3 were"):
        publish(plan.facts, summaries[1:], config)
    assert not (output / "dataset.json").exists()
    card = publish(plan.facts, summaries[::-1], config)
    assert card == read_prepared(output).card
