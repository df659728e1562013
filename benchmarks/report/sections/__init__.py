"""One file a section: what it measures, its text, its claims, its pictures."""
