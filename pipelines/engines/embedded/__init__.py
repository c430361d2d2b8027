"""The embedded engine: processes of this machine, started by the job itself."""
