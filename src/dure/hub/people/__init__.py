"""Who: organisations, accounts with a role, personal tokens."""
