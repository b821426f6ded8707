"""Outages of nodes, what owners get back for them, maintenance, and nodes that fail too often."""
