"""The site agent: pulls what the hub wants, makes the engine match, reports, and never forgets."""
