"""Prepares releases in this process and reads what came out."""

import dataclasses
from pathlib import Path

from array_record.python.array_record_module import ArrayRecordReader
from helpers.run_musiq import Outcome, run_here

from schemas.training_dataset import TrainingDataset
from schemas.training_example import TrainingExample


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A prepared data set with all its examples."""

    card: TrainingDataset
    splits: dict[str, list[TrainingExample]]

    @property
    def examples(self) -> dict[str, TrainingExample]:
        """All examples by name."""
        return {one.name: one for split in self.splits.values() for one in split}

    def names(self, split: str) -> list[str]:
        return [one.name for one in self.splits[split]]


def run_prepare(dataset: str, release: Path, output: Path, *more: object) -> Outcome:
    workers = () if "--workers" in more else ("--workers", 1)
    return run_here(
        *("prepare", dataset, "--input", release, "--output", output),
        *(*workers, *more),
    )


def prepare(dataset: str, release: Path, output: Path, *more: object) -> Prepared:
    outcome = run_prepare(dataset, release, output, *more)
    assert outcome.code == 0, outcome.err
    return read_prepared(output)


def read_prepared(output: Path) -> Prepared:
    card = TrainingDataset.from_json((output / "dataset.json").read_text())
    splits = {}
    for split, shards in card.shards.items():
        records = []
        for shard in shards:
            found = ArrayRecordReader(str(output / shard.file)).read_all()
            assert len(found) == shard.examples
            records += found
        splits[split] = list(map(TrainingExample.from_bytes, records))
    return Prepared(card, splits)


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
