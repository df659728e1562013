"""What users of such tools ask for, and what each has: `python -m benchmarks.peers.asked`.

`common` draws one tiny problem; `tools/` has a file a tool, which solves it in a process of that
tool's Python through `probe`; `documented` holds what is known from documentation alone.
"""
