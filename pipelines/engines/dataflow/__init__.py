"""Google Cloud Dataflow: what is checked and filled in before a job is submitted."""
