"""What runs `musiq score` as a scheduled Dataflow job: container, template, runbook."""
