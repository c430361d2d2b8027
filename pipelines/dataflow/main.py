"""What the Flex Template's launcher starts: `musiq score` with the template's values.

All logic lies in packages, so that workers find it in their container. When this ends,
the job has been submitted; what must happen after it lies in its graph.
"""

import sys

from pipelines.cli import main
from pipelines.dataflow.template_parameters import to_arguments

if __name__ == "__main__":
    try:
        arguments = to_arguments(sys.argv[1:])
    except ValueError as error:
        sys.exit(f"musiq score: error: {error}")
    sys.exit(main(["score", *arguments]))
