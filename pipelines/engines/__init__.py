"""From Beam options to the engine that executes a job; programs use `job.Job`."""
