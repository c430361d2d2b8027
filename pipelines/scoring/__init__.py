"""`musiq score`: photos in, one ledger row for every photo out."""
