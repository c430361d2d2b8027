"""What a selection says: tables for people, one JSON object for machines."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.copying.report import CopyCounts
from pipelines.selecting.config import SelectingConfig
from pipelines.selecting.selection import Group, Selection
from schemas.text import printable

_SHOWN_GROUPS = 20
_REPORTED_GROUPS = 1_000
_PLAIN_WIDTH = 100


def selection_report(
    selection: Selection, config: SelectingConfig, *, is_written: bool
) -> dict[str, Any]:
    """Return what `--json` prints.

    Args:
      selection: What was found.
      config: What was asked for.
      is_written: Whether the lists were written.
    """
    groups = selection.groups()
    return {
        "ledger": selection.ledger.uri,
        "version": selection.ledger.version,
        "rows": selection.rows,
        "scored": selection.scored,
        "kept": selection.kept,
        "share_of_scored": _share(selection.kept, selection.scored),
        "output": config.output if is_written else None,
        "rest": config.rest if is_written else None,
        "steps": [dataclasses.asdict(step) for step in selection.steps()],
        "thresholds": [dataclasses.asdict(one) for one in selection.thresholds],
        "near_duplicates": _near(selection),
        "cut": selection.cut,
        "near_misses": [dataclasses.asdict(one) for one in selection.near_misses()],
        "group_count": len(groups),
        "groups": [
            dataclasses.asdict(group) | {"key": [_plain(value) for value in group.key]}
            for group in groups[:_REPORTED_GROUPS]
        ],
    }


def print_selection(
    selection: Selection,
    config: SelectingConfig,
    *,
    is_written: bool,
    copied: CopyCounts | None = None,
) -> None:
    """Print the tables of a selection to stdout.

    Args:
      selection: What was found.
      config: What was asked for.
      is_written: Whether the lists were written.
      copied: What became of the photos; None if none were copied.
    """
    console = Console()
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    console.print(_summary(selection, config, copied, is_written=is_written))
    if config.explain:
        console.print(_steps(selection))
        if misses := selection.near_misses():
            table = _table("next to the cut", "photo", "score", "")
            for one in misses:
                side = "kept" if one.is_kept else "not kept"
                table.add_row(_text(one.uri), f"{one.score:g}", side)
            console.print(table)
    if groups := selection.groups():
        console.print(_groups(groups, selection.request.per))


def _near(selection: Selection) -> dict[str, int] | None:
    near = selection.duplicates
    if near is None:
        return None
    return {
        "dropped": len(near.rows),
        "identical": near.identical,
        "unmatched": near.unmatched,
        "largest_bucket": near.largest_bucket,
    }


def _dedupe_text(selection: Selection) -> str:
    asked = selection.request.dedupe
    return asked.text if asked else ""


def _summary(
    selection: Selection,
    config: SelectingConfig,
    copied: CopyCounts | None,
    *,
    is_written: bool,
) -> Table:
    table = Table(show_header=False, title="musiq select", title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    kept, scored = selection.kept, selection.scored
    table.add_row("rows", f"{selection.rows:,}, {scored:,} of them scored")
    table.add_row("kept", f"{kept:,}, {_percent(kept, scored)} of the scored")
    for one in selection.thresholds:
        if one.value is not None:
            table.add_row(_text(one.text), f"{one.value:g}")
    if near := selection.duplicates:
        told = f"{len(near.rows):,} near-duplicates, {near.identical:,} identical"
        if near.unmatched:
            told += (
                f"; {near.unmatched:,} photos match none, their hashes say too little"
            )
        table.add_row(_text(_dedupe_text(selection)), told)
    if selection.chosen and selection.cut is not None:
        table.add_row(_text(selection.chosen.text), f"cut at {selection.cut:g}")
    ledger = f"{selection.ledger.uri} (version {selection.ledger.version})"
    table.add_row("ledger", _text(ledger))
    if copied:
        told = f"{copied.copied:,} copied, {copied.already_there:,} already there"
        if copied.failed:
            told += f", {copied.failed:,} failed"
        table.add_row("copies", told)
        table.add_row("copied to", _text(config.copy_to or ""))
    for name, uri in (("output", config.output), ("rest", config.rest)):
        if uri:
            table.add_row(name, _text(uri if is_written else f"{uri} (not written)"))
    return table


def _steps(selection: Selection) -> Table:
    table = _table("what each step removes", "step", "before", "removed", "left")
    for step in selection.steps():
        left = step.before - step.removed
        row = f"{step.before:,}", f"{step.removed:,}", f"{left:,}"
        table.add_row(_text(step.name), *row)
        if len(step.reasons) > 1:
            for text, count in step.reasons.items():
                table.add_row(_text(f"  {text}"), "", f"{count:,}", "")
    return table


def _groups(groups: Sequence[Group], per: Sequence[str]) -> Table:
    title = f"per {', '.join(per)}: {len(groups):,} groups"
    table = _table(title, "group", "scored", "kept", "share", "cut")
    for group in groups[:_SHOWN_GROUPS]:
        table.add_row(
            _text(", ".join(map(_plain, group.key))),
            f"{group.scored:,}",
            f"{group.kept:,}",
            _percent(group.kept, group.scored),
            "" if group.cut is None else f"{group.cut:g}",
        )
    if others := groups[_SHOWN_GROUPS:]:
        scored = sum(group.scored for group in others)
        kept = sum(group.kept for group in others)
        row = f"{scored:,}", f"{kept:,}", _percent(kept, scored), ""
        table.add_row(f"{len(others):,} others", *row)
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=_text(title), title_justify="left")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _text(text: str) -> Text:
    return Text(printable(text))


def _plain(value: Any) -> str:
    return "(none)" if value is None else str(value)


def _share(kept: int, scored: int) -> float:
    return kept / scored if scored else 0.0


def _percent(kept: int, scored: int) -> str:
    return f"{100 * _share(kept, scored):.2f} %"
