"""Publish: check that every input has its row, then write the manifest, last."""

import importlib.metadata
from collections import Counter
from collections.abc import Sequence

from pipelines.ledger_folder import publish_manifest
from pipelines.scoring.config import ScoringConfig
from pipelines.scoring.score_quantiles import score_quantiles
from pipelines.scoring.write import ShardSummary
from schemas.manifest import Counts, Manifest

_VERSIONED_PACKAGES = (
    "musiq",
    "apache-beam",
    "jax",
    "jaxlib",
    "numpy",
    "pillow",
    "pyarrow",
    "simplejpeg",
)


def publish_run(
    summaries: Sequence[ShardSummary],
    *,
    named: int,
    listed: int,
    config: ScoringConfig,
) -> Manifest:
    """Make a run's shards the newest state of the ledger.

    Args:
      summaries: All shards of the run.
      named: Inputs that the listing named, repeats included.
      listed: Distinct inputs.
      config: The run.

    Returns:
      The published manifest.

    Raises:
      ManifestError: If the counts do not add up; nothing is published then.
      LedgerFolderError: If another run has published meanwhile.
    """
    failures = Counter()
    for summary in summaries:
        failures.update(summary.failures)
    manifest = Manifest(
        run_id=config.run_id,
        created_at=config.started_at.isoformat(),
        counts=Counts(
            named=named,
            duplicates=named - listed,
            listed=listed,
            scored=sum(summary.scored for summary in summaries),
            failed=failures.total(),
        ),
        failures=dict(failures),
        files=tuple(sorted((s.file for s in summaries), key=lambda file: file.path)),
        models={
            model.columns.name: {
                "digest": model.columns.digest,
                "uri": model.uri,
                "score_range": list(model.card.score_range),
                "higher_is_better": model.card.higher_is_better,
            }
            for model in config.models
        },
        settings=config.score_settings(),
        versions={p: importlib.metadata.version(p) for p in _VERSIONED_PACKAGES},
        score_quantiles={
            model.columns.name: score_quantiles(
                [summary.samples[model.columns.name] for summary in summaries]
            )
            for model in config.models
        },
    )
    publish_manifest(config.output, config.manifest_number, manifest)
    return manifest
