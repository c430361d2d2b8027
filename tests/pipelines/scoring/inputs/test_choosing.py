"""Which files of folders, globs, lists and shards are tried, and what is counted."""

import dataclasses

import pytest
from helpers.make_shards import tar_of

from pipelines.scoring.choosing.choice import Choice
from pipelines.scoring.input import InputError
from pipelines.scoring.inputs import list_input, resolve_inputs

PHOTOS = ("a.jpg", "b.PNG", "deep/c.jpg", "deep/thumbs/c.jpg", "d.nef")
SIDE_FILES = ("a.mov", "a.xmp", "deep/.DS_Store", "deep/._c.jpg", "deep/x.MOV")


@pytest.fixture
def folder(tmp_path):
    for name in (*PHOTOS, *SIDE_FILES):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    return tmp_path / "in"


@pytest.fixture
def keys(refs):
    """A function from an input and its choice to the keys that are tried."""
    return lambda named, **choice: [
        ref.key for ref in refs(named, choice=Choice(**choice))
    ]


def test_side_files_of_a_folder_are_left_out_and_counted_by_kind(
    folder, keys, left_out
):
    assert sorted(keys(folder)) == sorted(PHOTOS)
    assert left_out(folder) == {
        "AppleDouble files (._*)": 1,
        "files of the system": 1,
        "sidecars of photo programs": 1,
        "videos": 2,
    }


def test_all_files_of_a_folder_are_tried_if_that_is_asked(folder, keys, left_out):
    assert sorted(keys(folder, all_files=True)) == sorted((*PHOTOS, *SIDE_FILES))
    assert left_out(folder, choice=Choice(all_files=True)) == {}


@pytest.mark.parametrize(
    ("glob", "tried"),
    [
        ("**/*", PHOTOS),
        ("**/*.jpg", ("a.jpg", "deep/c.jpg", "deep/thumbs/c.jpg")),
        ("*.mov", ("a.mov",)),
        ("deep/._*", ("deep/._c.jpg",)),
    ],
)
def test_a_glob_leaves_out_side_files_that_it_does_not_name(folder, keys, glob, tried):
    below = "deep/" if glob.startswith("deep/") else ""
    assert sorted(below + key for key in keys(folder / glob)) == sorted(tried)


def test_what_a_list_names_is_tried(folder, keys):
    (folder / "list.txt").write_text("a.mov\ndeep/._c.jpg\na.jpg\n")
    assert keys(folder / "list.txt") == ["a.mov", "deep/._c.jpg", "a.jpg"]
    (folder / "0.mov").touch()
    assert keys(f"{folder}/{{0..0}}.mov") == ["0.mov"]
    assert keys(folder / "a.mov") == ["a.mov"]


@pytest.mark.parametrize(
    ("choice", "tried"),
    [
        ({"include": ("*.{jpg,nef}",)}, "a.jpg deep/c.jpg deep/thumbs/c.jpg d.nef"),
        ({"include": ("/*.jpg", "deep/*.jpg")}, "a.jpg deep/c.jpg"),
        ({"exclude": ("thumbs/", "*.nef")}, "a.jpg b.PNG deep/c.jpg"),
        ({"include": ("*.jpg",), "exclude": ("deep/**",)}, "a.jpg"),
        ({"include": ("*.png",), "ignore_case": True}, "b.PNG"),
        ({"include": ("*.mov", "a.*")}, "a.jpg a.mov"),
        ({"include": ("*.mov",), "ignore_case": True}, "a.mov deep/x.MOV"),
    ],
)
def test_patterns_choose_the_files_of_a_folder(folder, keys, choice, tried):
    assert sorted(keys(folder, **choice)) == sorted(tried.split())


def test_every_file_is_tried_or_counted_whatever_the_choice(folder, keys, left_out):
    for choice in (
        Choice(include=("*.jpg",)),
        Choice(exclude=("*.jpg", "deep/**")),
        Choice(include=("**",), exclude=("*.nef",), all_files=True),
    ):
        counted = left_out(folder, choice=choice)
        tried = keys(folder, include=choice.include, exclude=choice.exclude)
        if not choice.all_files:
            assert len(tried) + sum(counted.values()) == len(PHOTOS + SIDE_FILES)
    assert (
        left_out(folder, choice=Choice(exclude=("*.jpg", "deep/**")))["--exclude *.jpg"]
        == 3
    )


def test_patterns_are_for_lists_as_they_name_their_images(folder, keys):
    (folder / "list.csv").write_text(f"uri,n\na.jpg,1\n{folder}/b.PNG,2\n/x/c.jpg,3\n")
    assert keys(folder / "list.csv", exclude=("/x/",)) == ["a.jpg", f"{folder}/b.PNG"]
    assert keys(folder / "list.csv", include=("*.jpg",)) == ["a.jpg", "/x/c.jpg"]


def test_patterns_are_for_the_members_of_shards_not_for_the_shards(
    tmp_path, refs, left_out
):
    for number in range(2):
        data = tar_of([("a/x.jpg", b"1"), ("a/y.png", b"2"), ("b.jpg", b"3")])
        (tmp_path / f"{number}.tar").write_bytes(data)
    choice = Choice(include=("*.jpg",), exclude=("a/**",))
    found = refs(tmp_path / "*.tar", choice=choice)
    assert [ref.uri for ref in found] == [f"{tmp_path}/{n}.tar#b.jpg" for n in (0, 1)]
    assert left_out(tmp_path / "*.tar", choice=choice) == {"--exclude a/**": 4}


def test_appledouble_twins_of_shards_are_no_shards(tmp_path, refs, left_out):
    (tmp_path / "0.tar").write_bytes(tar_of([("b.jpg", b"3")]))
    (tmp_path / "._0.tar").write_bytes(b"\0\5\x16\7")
    assert [ref.key for ref in refs(tmp_path / "*.tar")] == ["b"]
    assert left_out(tmp_path / "*.tar") == {"AppleDouble files (._*)": 1}


def test_patterns_that_matched_something_are_known(folder):
    choice = Choice(include=("*.jpg", "*.tiff"), exclude=("*.jpg", "*.gif"))
    [one] = resolve_inputs([str(folder)], uri_column="uri", choice=Choice())
    *_, met = list_input(dataclasses.replace(one, choice=choice))
    assert met.patterns == {"--include *.jpg", "--exclude *.jpg"}
    assert choice.patterns - met.patterns == {"--include *.tiff", "--exclude *.gif"}


@pytest.mark.parametrize(
    ("name", "count", "told"),
    [
        ("only.mov", 3, r"3 videos; --all_files tries all"),
        (".DS_Store", 1, r"1 files of the system; --all_files"),
    ],
)
def test_a_folder_of_nothing_but_side_files_is_told(tmp_path, refs, name, count, told):
    for number in range(count):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / name).touch()
    with pytest.raises(InputError, match=rf"names no images to try; left out: {told}"):
        refs(tmp_path)


def test_a_choice_that_leaves_nothing_is_told(folder, refs, tmp_path):
    with pytest.raises(InputError, match=r"left out: 10 --exclude \*\*$"):
        refs(folder, choice=Choice(exclude=("**",), all_files=True))
    (tmp_path / "0.tar").write_bytes(tar_of([("b.jpg", b"3")]))
    with pytest.raises(InputError, match=r"left out: 1 matched by no --include$"):
        refs(tmp_path / "0.tar", choice=Choice(include=("*.png",)))


def test_links_that_lead_out_are_counted_and_tried_if_that_is_asked(
    folder, keys, left_out
):
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "z.jpg").touch()
    (folder / "linked").symlink_to("../elsewhere")
    (folder / "z.jpg").symlink_to("../elsewhere/z.jpg")
    (folder / "again").symlink_to("deep/thumbs")
    assert {"again/c.jpg", "deep/thumbs/c.jpg"} < set(keys(folder))
    told = left_out(folder)
    assert told["links to folders out of the input (--follow_links)"] == 1
    assert told["links to files out of the input (--follow_links)"] == 1
    assert {"linked/z.jpg", "z.jpg"} < set(keys(folder, follow_links=True))


def test_a_glob_counts_the_links_that_it_would_have_followed(folder, left_out):
    (folder.parent / "elsewhere").mkdir()
    for name in ("linked", "deep/linked"):
        (folder / name).symlink_to(folder.parent / "elsewhere")
    reason = "links to folders out of the input (--follow_links)"
    assert left_out(folder / "*.jpg") == {}
    assert left_out(folder / "**" / "*.jpg")[reason] == 2
    (folder / "linkless").mkdir()
    (folder / "linkless" / "a.jpg").touch()
    assert left_out(folder / "link*" / "*.jpg")[reason] == 1


def test_a_folder_of_links_out_of_it_is_told_with_the_flag(folder, refs):
    (folder.parent / "links").mkdir()
    (folder.parent / "links" / "a.jpg").symlink_to(folder / "a.jpg")
    with pytest.raises(InputError, match=r"left out: 1 links to files .*--follow_"):
        refs(folder.parent / "links")


@pytest.mark.parametrize("pattern", ["", "/"])
def test_a_pattern_of_nothing_is_refused(pattern):
    with pytest.raises(ValueError, match=r"include .* matches nothing"):
        Choice(include=(pattern,))
