"""Usage segments, node outages and the ledger."""
