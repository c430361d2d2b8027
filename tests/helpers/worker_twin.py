"""Runs what was staged for Dataflow as its workers would, in their own environment.

Started as a program by a Python that has what the container has and nothing else. It
reads the job's graph, lets it run in processes of that same Python instead of in the
container that it names, and prints the counters.
"""

import json
import sys
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_runner_api_pb2,
    endpoints_pb2,
)
from apache_beam.runners.portability.fn_api_runner.fn_runner import (
    ExtendedProvisionInfo,
    FnApiRunner,
)


def without_container(
    graph: beam_runner_api_pb2.Pipeline,
) -> beam_runner_api_pb2.Pipeline:
    """Replace every container by worker processes of this Python."""
    isolated = "-I " if sys.flags.isolated else ""
    worker = "apache_beam.runners.worker.sdk_worker_main"
    command = f"{sys.executable} {isolated}-m {worker}"
    for environment in graph.components.environments.values():
        environment.urn = python_urns.SUBPROCESS_SDK
        environment.payload = command.encode()
        del environment.dependencies[:]
        environment.resource_hints.clear()
    return graph


def in_pool(
    graph: beam_runner_api_pb2.Pipeline, address: str
) -> beam_runner_api_pb2.Pipeline:
    """Replace every container by workers that a pool starts in one."""
    endpoint = endpoints_pb2.ApiServiceDescriptor(url=address)
    payload = beam_runner_api_pb2.ExternalPayload(endpoint=endpoint)
    for environment in graph.components.environments.values():
        environment.urn = common_urns.environments.EXTERNAL.urn
        environment.payload = payload.SerializeToString()
        del environment.dependencies[:]
        environment.resource_hints.clear()
    return graph


def main(path: str, pool: str | None = None) -> None:
    """Run the graph in a file, in processes of this Python or of a pool."""
    graph = beam_runner_api_pb2.Pipeline.FromString(Path(path).read_bytes())
    graph = in_pool(graph, pool) if pool else without_container(graph)
    options = PipelineOptions(["--direct_num_workers=2"])
    # As of a job without staged files, which a pool's boot program would look for.
    nothing = beam_provision_api_pb2.ProvisionInfo(
        retrieval_token="__no_artifacts_staged__"
    )
    runner = FnApiRunner(provision_info=ExtendedProvisionInfo(nothing))
    result = runner.run_via_runner_api(graph, options)
    result.wait_until_finish()
    counters = result.metrics().query()["counters"]
    totals: dict[str, int] = {}
    for counter in counters:
        name = counter.key.metric.name
        totals[name] = totals.get(name, 0) + (counter.committed or 0)
    tensorflow = [name for name in sys.modules if name.startswith("tensorflow")]
    print(json.dumps({"state": result.state, "counters": totals, "bad": tensorflow}))


if __name__ == "__main__":
    main(*sys.argv[1:])
