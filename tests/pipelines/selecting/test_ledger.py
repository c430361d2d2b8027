"""The same in Python: arguments have the names of the flags."""

import hashlib

import pytest
from helpers.given_ledger import given_ledger

from pipelines import LedgerReader, open_ledger
from pipelines.selecting.errors import SelectionError


@pytest.fixture
def ledger(tmp_path):
    rows = [
        {"musiq_koniq": float(n), "musiq_noise": n / 10, "width": 100 * (n % 2)}
        for n in range(10)
    ]
    return open_ledger(given_ledger(tmp_path / "ledger", rows))


def scores(selection) -> list[float]:
    return sorted(selection.table(["musiq_koniq"]).column("musiq_koniq").to_pylist())


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, range(10)),
        ({"where": "width > 0"}, [1, 3, 5, 7, 9]),
        ({"where": ["width > 0", "musiq_koniq > 4"]}, [5, 7, 9]),
        ({"min": {"koniq": 8}, "max": {"noise": "p95"}}, [8, 9]),
        ({"top_k": {"koniq": 2}}, [8, 9]),
        ({"top_k": "noise=2"}, [0, 1]),
        ({"top_percent": {"koniq": 12.5}}, [8, 9]),
        ({"drop_worst": {"koniq": 75}}, [7, 8, 9]),
        ({"drop_worst": "koniq=75%"}, [7, 8, 9]),
        ({"score": "koniq - 3*noise", "top_k": 1}, [9]),
        ({"top_k": "koniq=1", "per": "width"}, [8, 9]),
        ({"top_k": "koniq=1", "per": ["width"], "at_least": 2}, [6, 7, 8, 9]),
    ],
)
def test_photos_are_selected(ledger, asked, expected):
    selection = ledger.select(**asked)
    assert scores(selection) == list(expected)
    assert selection.kept == len(list(expected))


def test_a_sample_is_what_its_definition_says(ledger):
    uris = ledger.table(["uri"]).column("uri").to_pylist()

    def chance(uri: str) -> int:
        digest = hashlib.md5(f"7/{uri}".encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest[:4], "little")

    drawn = ledger.select(sample=3, seed=7).table(["uri"]).column("uri").to_pylist()
    assert sorted(drawn) == sorted(sorted(uris, key=chance)[:3])
    assert ledger.select(sample="30%", seed=7).kept == 3


def test_a_mistake_is_an_error_of_one_line(ledger):
    with pytest.raises(SelectionError, match="did you mean koniq"):
        ledger.select(top_k={"konik": 1})


def test_an_opened_ledger_is_still_a_reader(ledger):
    assert isinstance(ledger, LedgerReader)
    assert ledger.table(["uri"]).num_rows == 10
