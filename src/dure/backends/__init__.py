"""Acting on a site: one contract, one pure reconciliation, several engines."""
