"""Frozen facts and the programme's rules."""
