"""What a change made slower: `python -m benchmarks.report --check [COMMIT|FOLDER]`.

`calls` are what is timed, in a process of one build; `builds` finds or makes the other build;
`judging` says which calls became slower; `check` takes both builds in turns.
"""
