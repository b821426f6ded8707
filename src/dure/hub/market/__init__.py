"""Trained models offered to others."""
