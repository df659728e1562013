"""What all rooms share: the cases that are measured, timing in turns, files."""
