"""The Flex Template's metadata.json, made from the arguments of `musiq score`.

python -m pipelines.dataflow.metadata > pipelines/dataflow/metadata.json
"""

import json
import sys

from pipelines.dataflow.template_parameters import template_parameters


def template_metadata() -> dict[str, object]:
    """Return the metadata, as Dataflow's TemplateMetadata has it in JSON."""
    return {
        "name": "musiq score",
        "description": "Scores photos for perceptual quality with MUSIQ and writes a "
        "ledger: one Parquet row for every photo, scored or failed with a reason.",
        "streaming": False,
        "parameters": [one.to_metadata() for one in template_parameters()],
    }


def main() -> None:
    """Print the metadata."""
    json.dump(template_metadata(), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
