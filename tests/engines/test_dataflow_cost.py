"""The cost of a job is its metrics times the prices that somebody filled in."""

import json

import pytest
from helpers.run_musiq import ROOT

from pipelines.dataflow.cost import cost_of, main
from schemas.errors import UsageError

EXAMPLE = ROOT / "pipelines" / "dataflow" / "prices.example.json"
PRICES = {"currency": "EUR", "per_vcpu_hour": 0.06, "per_gib_memory_hour": 0.004}


def metric(name: str, scalar: float, **context: str) -> dict:
    return {"name": {"name": name, "context": context}, "scalar": scalar}


JOB = [
    metric("TotalVcpuTime", 7200),
    metric("TotalMemoryUsage", 1024 * 3600 * 10),
    metric("images_scored", 1500, step="Score"),
    metric("images_scored", 9999, step="Score", tentative="true"),
    metric("images_scored", 500, step="Score again"),
    metric("CurrentVcpuCount", 8),
    {"name": {"name": "tokens"}, "distribution": {}},
]


def test_parts_add_up_and_are_scaled_to_a_million_photos():
    cost = cost_of(JOB, PRICES)
    assert cost.parts == pytest.approx(
        {"TotalVcpuTime": 0.12, "TotalMemoryUsage": 0.04}
    )
    assert cost.total == pytest.approx(0.16)
    assert cost.scored == 2000
    assert cost.per_million == pytest.approx(80.0)
    assert cost.images_per_vcpu_second == pytest.approx(2000 / 7200)


def test_what_has_no_price_is_not_free():
    gpu = [*JOB, metric("TotalGpuTime", 60)]
    with pytest.raises(UsageError, match="per_gpu_hour has no price"):
        cost_of(gpu, PRICES)
    with pytest.raises(UsageError, match="per_vcpu_hour has no price"):
        cost_of(JOB, json.loads(EXAMPLE.read_text()))


def test_other_metrics_are_refused(tmp_path, capsys):
    with pytest.raises(UsageError, match="no scored photos"):
        cost_of([metric("TotalVcpuTime", 1)], PRICES)
    for name, value in (("metrics", JOB), ("prices", PRICES)):
        (tmp_path / name).write_text(json.dumps(value))
    told = [f"--{name}={tmp_path / name}" for name in ("metrics", "prices")]
    assert main(told) == 0
    assert "80.00 EUR" in capsys.readouterr().out
