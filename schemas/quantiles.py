"""The levels at which scores are summed up, in ledgers and model cards alike."""

# Equal in both, so that a ledger's scores can be laid beside those of a split.
QUANTILE_LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
