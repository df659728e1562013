"""Benchmarks of flash, and of its peers on the same problem in the same run."""
