"""Runs the benchmarks and writes RESULTS.md: `python -m benchmarks.report`.

`sections/` has a file for each section: what it measures, its text, its claims and its pictures.
`contents` lists them, `writing` joins them, `measuring` has what they measure with.
"""
