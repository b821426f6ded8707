"""What every page shares: frame, theme, language, front page."""
