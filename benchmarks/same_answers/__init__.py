"""Compares the answers of two builds: `python -m benchmarks.same_answers OLD NEW`."""
