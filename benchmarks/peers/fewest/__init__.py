"""Trainings until one of the best networks is held: methods beside each other on real tables."""
