"""Suites of pytest-benchmark, one question a file: `python -m pytest benchmarks/suites --quick`."""
