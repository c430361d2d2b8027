"""A ledger with what can be done with it, for other people's Python."""

from collections.abc import Mapping, Sequence

from pipelines.ledger import reader
from pipelines.ledger.reader import LedgerReader
from pipelines.selecting.config import SelectingConfig
from pipelines.selecting.select_photos import select_photos
from pipelines.selecting.selection import Selection

Amount = int | float | str | Mapping[str, int | float | str]
"""How many: a number, a text as the flag takes it, or one of these by model."""


class Ledger(LedgerReader):
    """One published state of a ledger, which can be read and selected from."""

    def select(
        self,
        *,
        where: str | Sequence[str] = (),
        min: Mapping[str, float | str] | None = None,
        max: Mapping[str, float | str] | None = None,
        dedupe: Amount | None = None,
        score: str | None = None,
        top_k: Amount | None = None,
        top_percent: Amount | None = None,
        drop_worst: Amount | None = None,
        sample: int | str | None = None,
        sample_per_bin: Amount | None = None,
        bins: int | None = None,
        seed: int = 0,
        per: str | Sequence[str] = (),
        at_least: int | None = None,
        at_most: int | None = None,
        cannot_tell: float | None = None,
    ) -> Selection:
        """Choose photos by their scores, as `musiq select` does; nothing is written.

            kept = ledger.select(where="width >= 640", top_percent=20, per="camera")
            kept.table(["uri", "camera"])

        Args:
          where: Conditions in SQL over the columns, applied in order.
          min: Lowest scores by model: numbers, or percentiles such as "p90".
          max: Highest scores, likewise.
          dedupe: Of photos whose hashes differ in so many bits at most keep the best.
          score: Formula of several models, by which is chosen.
          top_k: Keep so many, the best.
          top_percent: Keep this share, the best, rounded up.
          drop_worst: Keep all but this share, in percent.
          sample: Keep so many by chance, or a share such as "5%".
          sample_per_bin: Keep so many by chance of each range of scores.
          bins: Ranges of scores; 10 by default.
          seed: Of chance.
          per: Columns by which rows are grouped; each group is chosen from by itself.
          at_least: Of each group keep so many, though the choice keeps fewer.
          at_most: Of each group keep no more.
          cannot_tell: Standard deviations around a cut within which one cannot tell.

        Returns:
          Counts, cuts, and the rows as Arrow: `table()`, `batches()`, `rest()`.

        Raises:
          SelectionError: If the ledger has no such column or model, or what is asked
            for cannot be; one line.
          LedgerFolderError: If a file of the ledger is missing or damaged.
          StorageError: If the store does not answer.
        """
        share = _text(drop_worst)
        config = SelectingConfig(
            ledger=self.uri,
            where=_texts(where),
            min=_by_model(min),
            max=_by_model(max),
            dedupe=_text(dedupe),
            score=score,
            top_k=_text(top_k),
            top_percent=_text(top_percent),
            drop_worst=share and f"{share.removesuffix('%')}%",
            sample=_text(sample),
            sample_per_bin=_text(sample_per_bin),
            bins=bins,
            seed=seed,
            per=_texts(per),
            at_least=at_least,
            at_most=at_most,
            cannot_tell=cannot_tell,
            dry_run=True,
        )
        return select_photos(self, config.request())


def open_ledger(uri: str, *, version: int | None = None) -> Ledger:
    """Open a published state of a ledger.

    Args:
      uri: The ledger's folder, which `musiq score --output` named: a local path, gs://
        or s3://. `FOLDER@3` is its version 3.
      version: Of an older state, in place of that; the newest by default.

    Raises:
      LedgerFolderError: If there is no ledger, or no such version; one line.
      LedgerVersionError: If a newer program wrote it.
      StorageError: If the store does not answer.
    """
    opened = reader.open_ledger(uri, version=version)
    return Ledger(uri=opened.uri, version=opened.version, _manifest=opened._manifest)


def _texts(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _by_model(bounds: Mapping[str, float | str] | None) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in (bounds or {}).items())


def _text(amount: Amount | None) -> str | None:
    """Return what a flag would be given."""
    if isinstance(amount, Mapping):
        return ",".join(_by_model(amount))
    return None if amount is None else str(amount)
