"""Calls, applications and their screening."""
