r"""What a finished job cost, from its metrics and your prices, for a million photos.

    gcloud beta dataflow metrics list JOB --region REGION --source all \
      --format json > metrics.json
    python -m pipelines.dataflow.cost --metrics metrics.json --prices prices.json

Prices differ by region and contract, so none are given here: copy prices.example.json
and fill it in from your own price list.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.scoring.monitoring.metrics import SCORED
from schemas.errors import UsageError
from schemas.programs.command_line import ArgumentParser

_HOUR = 3600
_GIB = 2**30
# Dataflow's metrics count GPU and vCPU seconds, and GB times seconds.
_PRICED = {
    "TotalVcpuTime": ("per_vcpu_hour", _HOUR),
    "TotalMemoryUsage": ("per_gib_memory_hour", 1024 * _HOUR),
    "TotalPdUsage": ("per_gib_disk_hour", _HOUR),
    "TotalGpuTime": ("per_gpu_hour", _HOUR),
    "TotalShuffleDataProcessed": ("per_gib_shuffled", _GIB),
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one job cost.

    Attributes:
      currency: Of the prices.
      parts: Cost by metric.
      scored: Photos that the job scored.
      vcpu_seconds: Seconds of all its cores.
    """

    currency: str
    parts: dict[str, float]
    scored: int
    vcpu_seconds: float

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.parts.values())

    @property
    def per_million(self) -> float:
        """Cost of a million photos like these."""
        return self.total / self.scored * 1e6

    @property
    def images_per_vcpu_second(self) -> float:
        """What decides between CPU and GPU workers."""
        return self.scored / self.vcpu_seconds


def cost_of(metrics: Sequence[Mapping[str, Any]], prices: Mapping[str, Any]) -> Cost:
    """Return what a job cost.

    Args:
      metrics: Metric updates of the job, as `gcloud beta dataflow metrics list` prints
        them.
      prices: A price for each unit in `prices.example.json`, and their currency.

    Raises:
      UsageError: If a metric has no price, or the metrics are not a scoring job's.
    """
    totals: dict[str, float] = {}
    for metric in metrics:
        name = metric["name"]
        if (
            metric.get("scalar") is not None
            and "tentative" not in name.get("context", {})
            and name["name"] in (*_PRICED, SCORED)
        ):
            totals[name["name"]] = totals.get(name["name"], 0) + float(metric["scalar"])
    parts = {}
    for name, (price, unit) in _PRICED.items():
        if totals.get(name):
            if prices.get(price) is None:
                raise UsageError(f"the job has {name}, but {price} has no price")
            parts[name] = totals[name] / unit * float(prices[price])
    if not totals.get(SCORED) or not totals.get("TotalVcpuTime"):
        raise UsageError(
            "the metrics have no scored photos or no TotalVcpuTime; take those of a "
            "finished `musiq score` job"
        )
    return Cost(
        currency=str(prices.get("currency", "")),
        parts=parts,
        scored=int(totals[SCORED]),
        vcpu_seconds=totals["TotalVcpuTime"],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the cost and return the exit code."""
    parser = ArgumentParser(prog="pipelines.dataflow.cost", description=__doc__)
    for name in ("metrics", "prices"):
        parser.add_argument(f"--{name}", required=True, type=_json_file, metavar="FILE")
    args = parser.parse_args(argv)
    try:
        cost = cost_of(args.metrics, args.prices)
    except (UsageError, KeyError, TypeError, ValueError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    for name, part in cost.parts.items():
        print(f"{name:<28}{part:>12.4f} {cost.currency}")
    print(f"{'total':<28}{cost.total:>12.4f} {cost.currency}")
    print(f"{'per million photos':<28}{cost.per_million:>12.2f} {cost.currency}")
    print(f"{'images per vCPU-second':<28}{cost.images_per_vcpu_second:>12.3f}")
    return 0


def _json_file(path: str) -> Any:
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
