"""Assignments without conflict of interest, and reviews."""
