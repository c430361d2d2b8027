"""The traps of the label files, each file read by its pure function."""

import pytest
from helpers import make_releases
from helpers.make_releases import FLIVE_IMAGES, write_files

from pipelines.preparing.config import PreparingConfig
from pipelines.preparing.datasets import DATA_SETS
from pipelines.preparing.labels import LabelFile, LabelScale, ReleaseError
from pipelines.preparing.plan import plan_shards


def planned(dataset, release, **settings):
    """All images that would be prepared, by name."""
    config = PreparingConfig(
        dataset=dataset,
        name=dataset,
        title=dataset,
        licence="",
        input=str(release),
        output="",
        **settings,
    )
    plan = plan_shards(config)
    return {row.name: row for shard in plan.shards for row in shard.source.rows}


def read(dataset, *texts, **settings):
    files = [LabelFile(name=f"{n}.csv", data=t.encode()) for n, t in enumerate(texts)]
    reader = DATA_SETS[dataset].read_labels
    assert reader is not None
    return reader(*files, **settings)


def test_both_label_files_of_koniq_give_the_same_score(tmp_path):
    sets = planned("koniq10k", make_releases.koniq_sets(tmp_path / "sets"))
    scores = planned("koniq10k", make_releases.koniq_scores(tmp_path / "scores"))
    assert {n: r.label for n, r in sets.items()} == {
        n: r.label for n, r in scores.items()
    }
    assert sets["3.jpg"].label == (63.5,)  # never 4.0, the mean of the ratings
    assert [sets[f"{n}.jpg"].split for n in range(7)] == (
        ["train"] * 4 + ["validation"] + ["test"] * 2
    )


def test_what_the_file_is_called_does_not_matter(tmp_path):
    release = make_releases.koniq_scores(tmp_path)
    (release / "koniq10k_scores_and_distributions.csv").rename(
        release / "koniq10k_distributions_sets.csv"
    )
    assert planned("koniq10k", release)["3.jpg"].label == (63.5,)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1.jpg,0,0,25,50,25,100,4.0,0.5,training", "c1..c5 do not sum to 1"),
        ("1.jpg,0,0,.25,.5,.25,100,4.0,0.5,training", "is the mean of the ratings"),
        ("1.jpg,0,0,.25,.5,.25,100,64.0,0.5,val", "the set 'val' is none of"),
        ("1.jpg,0,0,.25,nan,.25,100,64.0,0.5,test", "expected a number, got 'nan'"),
    ],
)
def test_a_mean_of_ratings_is_not_taken_for_the_score(row, message):
    with pytest.raises(ReleaseError, match=message):
        read("koniq10k", f"image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set\n{row}\n")


def test_a_random_split_ignores_the_release(tmp_path):
    release = make_releases.koniq_sets(tmp_path)
    rows = planned("koniq10k", release, split="random", seed=3)
    assert sorted(row.split for row in rows.values()) == ["test"] + ["train"] * 6


def test_patches_follow_their_image_and_only_train(tmp_path):
    rows = planned("paq2piq", make_releases.flive(tmp_path))
    assert {name: rows[name].split for name in FLIVE_IMAGES} == FLIVE_IMAGES
    patches = {name: row for name, row in rows.items() if name.startswith("patches/")}
    assert sorted(patches) == [
        f"patches/{image}.jpg_patch_{n}.jpg"
        for image in ("AVA__1", "rq59")
        for n in (1, 2, 3)
    ]
    for name, row in patches.items():
        assert row.split == "train"
        assert row.group.rpartition("/")[2] in name
        assert rows[row.group].label != row.label


def test_no_image_of_the_test_set_leaks_through_its_patches(tmp_path):
    release = make_releases.flive(tmp_path)
    rows = planned("paq2piq", release, split="random", seed=1)
    homes = {}
    for row in rows.values():
        assert homes.setdefault(row.group, row.split) == row.split
    patches = [row for name, row in rows.items() if name.startswith("patches/")]
    assert len(patches) == 9  # of three images, drawn for training
    assert all(row.split == "train" for row in patches)


def test_a_score_of_zero_is_a_score(tmp_path):
    rows = planned("paq2piq", make_releases.flive(tmp_path))
    assert rows["voc_emotic_ava/AVA__1.jpg"].label == (0.25,)
    assert read(
        *("paq2piq", "name,mos\na/1.jpg,0.0\n", "name,mos\n", "name_image\n"),
        "name_image,is_valid\n",
    ).rows[0].label == (0.0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"labels_patch.csv": "name,mos\npatches/x.jpg_patch_1.jpg,5\n"},
            "no image has",
        ),
        ({"labels640.csv": "name_image\na/x.jpg\n"}, "labels_image.csv does not have"),
        ({"labels=640_padded.csv": "name_image\na/x.jpg\n"}, "has no column is_valid"),
        (
            {"labels=640_padded.csv": "name_image,is_valid\na/x.jpg,maybe\n"},
            "is_valid is 'maybe'",
        ),
    ],
)
def test_label_files_of_paq2piq_that_contradict_are_refused(tmp_path, change, message):
    release = write_files(make_releases.flive(tmp_path), change)
    with pytest.raises(ReleaseError, match=message):
        planned("paq2piq", release)


def test_kadid_is_higher_for_better_and_split_by_reference(tmp_path):
    rows = planned("kadid10k", make_releases.kadid(tmp_path, references=10))
    assert rows["I01_01_01.png"].label == (4.57,)
    assert read("kadid10k", "dist_img,ref_img,dmos\na,b,1\n").scale.higher_is_better
    homes = {}
    for row in rows.values():
        assert homes.setdefault(row.group, row.split) == row.split
    assert sorted(homes.values()) == ["test"] * 2 + ["train"] * 8


def test_spaq_may_be_read_from_csv(tmp_path):
    book = planned("spaq", make_releases.spaq(tmp_path / "book"))
    text = planned("spaq", make_releases.spaq(tmp_path / "text", as_csv=True))
    assert book == text
    assert book["00003.jpg"].label == (43.0,)


def test_names_that_differ_in_case_only_stay_apart(tmp_path):
    lines = "image,mos,split\na.jpg,1,train\nA.jpg,2,test\n"
    release = write_files(tmp_path, {"a.jpg": b"1", "A.jpg": b"2", "l.csv": lines})
    rows = planned("csv", release, scale=LabelScale.score(0, 5))
    assert {name: row.label for name, row in rows.items()} == {
        **{"a.jpg": (1.0,), "A.jpg": (2.0,)}
    }


def test_ratings_may_be_counts_or_shares():
    counts = read("csv", "image,c1,c2,c3\na,1,2,1\n")
    shares = read("csv", "c3,image,c1,c2\n0.25,a,0.25,0.5\n")
    assert counts.rows[0].label == shares.rows[0].label == (0.25, 0.5, 0.25)
    assert (counts.scale.kind, counts.scale.high) == ("distribution", 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,c1,c3\na,1,2\n", "without gaps"),
        ("image,c1,c2\na,0,0\n", "no counts of votes"),
        ("image,c1,c2\na,-1,2\n", "no counts of votes"),
        ("image,mos\na,1\n", "Add --scale LOW HIGH"),
        ("image,c1,c2,group,group\na,1,2,,\n", "more than one column group"),
        ("image,mos,c1,c2\na,1,2,3\n", "a column mos or columns c1..cN"),
    ],
)
def test_a_csv_that_can_be_read_in_two_ways_is_refused(text, message):
    with pytest.raises(ReleaseError, match=message):
        read("csv", text)


@pytest.mark.parametrize("line", ["1 1001 0 1 5", "1 1001 x" + " 1" * 12, "junk"])
def test_a_broken_line_of_ava_is_named(line):
    good = "1 1000 0 1 5 17 38 36 15 6 5 1 1 22 1396"
    with pytest.raises(ReleaseError, match="line 2: expected 15 whole numbers"):
        read("ava", f"{good}\n{line}\n", "1000\n")
