"""Programs of a command: settings as dataclasses, one table of flags for each."""
