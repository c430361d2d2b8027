"""What a walk over a local folder does with links."""

import os
from pathlib import Path

import pytest

from pipelines.storage import SkippedLink
from pipelines.storage.folders import walk
from pipelines.storage.local import LocalStorage

OUT_FILES = "links to files out of the input (--follow_links)"
OUT_FOLDERS = "links to folders out of the input (--follow_links)"
LOOPS = "links to folders that they lie in"


@pytest.fixture
def photos(tmp_path) -> Path:
    for name in ("photos/a.jpg", "photos/deep/b.jpg", "other/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path / "photos"


def walked(folder: Path, *, follow_links: bool = False) -> tuple[list, list]:
    """The names of the files below a folder, and of skipped links with the reason."""
    files, skipped = [], []
    for one in LocalStorage().walk(f"{folder}/", follow_links=follow_links):
        name = one.uri.removeprefix(f"{folder}/")
        if isinstance(one, SkippedLink):
            skipped.append((name, one.reason, one.is_folder))
        else:
            files.append(name)
    return files, skipped


def test_a_link_to_a_folder_within_is_followed_under_its_own_name(photos):
    (photos / "again").symlink_to("deep")
    (photos / "once more").symlink_to(photos / "deep")
    assert walked(photos) == (
        ["a.jpg", "again/b.jpg", "deep/b.jpg", "once more/b.jpg"],
        [],
    )


def test_a_link_that_leads_out_is_told_and_followed_if_that_is_asked(photos):
    (photos / "linked").symlink_to("../other")
    (photos / "c.jpg").symlink_to("../other/c.jpg")
    (photos / "deep" / "d.jpg").symlink_to(photos.parent / "other" / "c.jpg")
    assert walked(photos) == (
        ["a.jpg", "deep/b.jpg"],
        [
            ("c.jpg", OUT_FILES, False),
            ("deep/d.jpg", OUT_FILES, False),
            ("linked", OUT_FOLDERS, True),
        ],
    )
    assert walked(photos, follow_links=True) == (
        ["a.jpg", "c.jpg", "deep/b.jpg", "deep/d.jpg", "linked/c.jpg"],
        [],
    )


def test_a_link_by_way_of_another_is_judged_by_where_it_ends(photos):
    (photos.parent / "other" / "home").symlink_to(photos / "deep")
    (photos / "around").symlink_to("../other/home")
    (photos / "first").symlink_to("second")
    (photos / "second").symlink_to("../other")
    files, skipped = walked(photos)
    assert files == ["a.jpg", "around/b.jpg", "deep/b.jpg"]
    assert [name for name, *_ in skipped] == ["first", "second"]


@pytest.mark.parametrize("follow_links", [False, True])
def test_loops_are_cut(photos, follow_links):
    (photos / "deep" / "here").symlink_to(".")
    (photos / "deep" / "up").symlink_to("..")
    (photos / "side").mkdir()
    (photos / "side" / "to deep").symlink_to("../deep")
    files, skipped = walked(photos, follow_links=follow_links)
    assert files == ["a.jpg", "deep/b.jpg", "side/to deep/b.jpg"]
    assert skipped == [
        *((f"deep/{name}", LOOPS, True) for name in ("here", "up")),
        *((f"side/to deep/{name}", LOOPS, True) for name in ("here", "up")),
    ]


def test_the_folder_itself_may_be_a_link(photos):
    (photos / "again").symlink_to("deep")
    (photos.parent / "door").symlink_to(photos)
    assert walked(photos.parent / "door") == walked(photos)


def test_folders_that_lead_to_one_another_in_every_way_end(photos, monkeypatch):
    monkeypatch.setattr(walk, "_MAX_LINKS_TO_ONE_FOLDER", 3)
    names = [f"{number:02}" for number in range(12)]
    for name in names:
        (photos / "mesh" / name).mkdir(parents=True)
        (photos / "mesh" / name / "x.jpg").touch()
        for other in names:
            (photos / "mesh" / name / f"to {other}").symlink_to(f"../{other}")
    files, skipped = walked(photos)
    assert len(files) == 2 + 12 * (1 + 3)
    assert {reason for _, reason, _ in skipped} == {
        LOOPS,
        "links to a folder with 3 others",
    }


@pytest.mark.parametrize("target", ["nowhere", "link.jpg", "/nowhere/at/all"])
def test_a_link_that_leads_nowhere_is_a_file_that_reading_will_refuse(photos, target):
    (photos / "link.jpg").symlink_to(target)
    assert walked(photos) == (["a.jpg", "deep/b.jpg", "link.jpg"], [])


def test_a_plain_list_follows_links_to_files_alone(photos):
    (photos / "again").symlink_to("deep")
    (photos / "c.jpg").symlink_to("../other/c.jpg")
    names = [Path(o.uri).name for o in LocalStorage().list(f"{photos}/")]
    assert names == ["a.jpg", "c.jpg", "b.jpg"]


def test_names_that_are_not_utf8_lead_through_links_too(photos):
    os.symlink(b"deep", os.fsencode(photos) + b"/\xff")
    files, _ = walked(photos)
    assert f"file://{photos}/%FF/b.jpg" in files
