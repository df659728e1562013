"""Print what `counting.measure` counts: `python -m benchmarks.aarch64`."""

import sys

from benchmarks.aarch64.counting import main

if __name__ == "__main__":
    sys.exit(main())
