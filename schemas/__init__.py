"""The contracts with the outside world: ledger rows, manifests and model cards."""
