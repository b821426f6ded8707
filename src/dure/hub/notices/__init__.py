"""What the programme tells people."""
