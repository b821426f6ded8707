"""Decisions, projects, allocations, the waitlist, lending and reclaim."""
