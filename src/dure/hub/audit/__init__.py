"""The hash-chained record of every write."""
