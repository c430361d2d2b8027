"""Prism, Beam's strict engine for one machine: a program of its own, written in Go."""

import os
import urllib.parse

from apache_beam.options.pipeline_options import PipelineOptions, PrismRunnerOptions

from pipelines.engines.job_service import wait_without_limit
from schemas.errors import UsageError

_BUILD_IT = "`make prism` builds one: --prism_location .prism/prism"


def require_prism(options: PipelineOptions) -> None:
    """Refuse to go looking for a binary: Beam would download one at every start.

    Prism's account of what it does well is left out.

    Raises:
      UsageError: If `--prism_location` does not say where the binary is.
    """
    prism = options.view_as(PrismRunnerOptions)
    if prism.prism_log_level == "info":
        prism.prism_log_level = "error"
    wait_without_limit(options)
    location = prism.prism_location
    if not location:
        raise UsageError(
            f"--runner PrismRunner needs --prism_location, the binary; {_BUILD_IT}"
        )
    if urllib.parse.urlparse(location).scheme:
        return
    if not os.path.isfile(location):
        raise UsageError(f"--prism_location {location}: no such file; {_BUILD_IT}")
    if not os.access(location, os.X_OK) and not location.endswith(".zip"):
        raise UsageError(f"--prism_location {location} is not a program; {_BUILD_IT}")
