"""Import Apache Beam without the warnings it logs about packages we do not need."""

import logging

logging.disable(logging.WARNING)
import apache_beam  # noqa: E402, F401

logging.disable(logging.NOTSET)
