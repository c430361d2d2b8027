"""`musiq select --calibrate`: what people said of some photos, beside their scores."""

import dataclasses
import json
import re
from collections.abc import Iterator

import pyarrow as pa

from pipelines.ledger.reader import LedgerReader, open_ledger
from pipelines.selecting.calibration.calibrate import (
    CalibratedModel,
    CalibrationResult,
    calibrate,
)
from pipelines.selecting.calibration.calibration_file import (
    Calibration,
    read_calibration,
    write_calibration,
)
from pipelines.selecting.calibration.labels import read_labels
from pipelines.selecting.calibration.show_calibration import calibration_lines
from pipelines.selecting.choosing.ranking import higher_is_better, require_model
from pipelines.selecting.config import SelectingConfig
from pipelines.selecting.errors import SelectionError
from pipelines.selecting.outputs.new_output import require_new_output
from pipelines.selecting.request import Bound, Request
from pipelines.selecting.rows.scan import scan
from schemas.text import printable

_NAMED = re.compile(r"(?:(\w+)=)?(.+)", re.DOTALL)


def run(config: SelectingConfig) -> int:
    """Calibrate, print what was found, write the map, and return the exit code."""
    named = _NAMED.fullmatch(config.calibrate or "")
    if named is None:
        raise SelectionError("--calibrate names no file")
    if config.calibration_output:
        require_new_output(config.calibration_output)
    labels = read_labels(named[2])
    ledger = open_ledger(config.ledger)
    name = require_model(named[1], ledger, "--calibrate")
    model = CalibratedModel(
        name=name,
        digest=str(ledger.models[name]["digest"]),
        higher_is_better=higher_is_better(name, ledger),
    )
    result = calibrate(
        _scores(ledger, name),
        labels,
        model,
        wanted_precision=config.wanted_precision,
        good_rating=config.good_rating,
    )
    if config.calibration_output and not config.dry_run:
        write_calibration(result.calibration, config.calibration_output)
    if config.json:
        print(json.dumps(_report(result)))
    elif not config.quiet:
        for line in calibration_lines(result):
            print(printable(line))
    return 0


def calibrated_request(
    config: SelectingConfig, ledger: LedgerReader
) -> tuple[Request, Calibration | None]:
    """Return what is asked of a selection, and the calibration that it uses.

    `--min_calibrated` becomes the score that has this meaning.

    Raises:
      MusiqError: If the calibration cannot be read or is of another model.
    """
    request = config.request()
    if config.calibration is None:
        return request, None
    calibration = read_calibration(config.calibration)
    calibration.require_model(ledger.models, ledger.uri)
    if config.min_calibrated is None:
        return request, calibration
    cut = calibration.map.cut_for(config.min_calibrated)
    if cut is None:
        raise SelectionError(
            f"--min_calibrated {config.min_calibrated:g}: no score means so much; the "
            f"calibration goes from {min(calibration.values):g} to "
            f"{max(calibration.values):g}"
        )
    flag = "min" if calibration.higher_is_better else "max"
    bound = Bound(flag=flag, model=calibration.model, value=cut)
    bounds = (*request.bounds, bound)
    return dataclasses.replace(request, bounds=bounds), calibration


def _scores(ledger: LedgerReader, model: str) -> Iterator[pa.RecordBatch]:
    """Yield names and scores of all photos; vanished ones have none."""
    column = f"musiq_{model}"
    for _, table in scan(ledger, ["uri", column, "vanished"]):
        for batch in table.to_batches():
            gone = (
                batch.column("vanished").fill_null(False).to_numpy(zero_copy_only=False)
            )
            scores = batch.column(column).to_numpy(zero_copy_only=False).copy()
            scores[gone] = float("nan")
            kept = pa.array(scores, pa.float32(), from_pandas=True)
            yield pa.record_batch({"uri": batch.column("uri"), column: kept})


def _report(result: CalibrationResult) -> dict[str, object]:
    """Return what `--json` prints; the map itself is in the file."""
    told = dataclasses.asdict(result)
    told["calibration"] = {
        name: value
        for name, value in told["calibration"].items()
        if name not in ("scores", "values")
    }
    return told
