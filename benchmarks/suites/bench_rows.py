"""Rows streamed to Parquet, against pyarrow alone writing the same columns in the same run.

Apart from bench_sweep because it takes minutes, and 5 GB of the temporary folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import pytest

import flash
from benchmarks.common.timing import peak_gib

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_to_parquet(benchmark: Any, threads: int, quick: bool) -> None:
    """A sample streamed to Parquet, in a process of its own whose memory is looked at."""
    pytest.importorskip("pyarrow")
    n = 1_000_000 if quick else 100_000_000
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "benchmarks.suites.bench_rows", folder, str(n), str(threads)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        told = json.loads(done.stdout)
    benchmark.extra_info.update(kind="rows", n=n, threads=threads, **told)
    benchmark.pedantic(lambda: flash.sweep("resnet", "rram", sample=10_000), rounds=3)


def _rows(folder: str, n: int, threads: int) -> dict[str, Any]:
    """Stream n rows, then write the same columns with pyarrow alone."""
    import pyarrow
    import pyarrow.parquet

    start, used = perf_counter(), process_time()
    result = flash.sweep(
        "densenet", "rram", sample=n, out=f"{folder}/rows", threads=threads, bins=0, top=1
    )
    wall, used = perf_counter() - start, process_time() - used
    peak = peak_gib()
    size = sum(path.stat().st_size for path in Path(folder, "rows").iterdir())
    parts = sorted(Path(folder, "rows").glob("*.parquet"))
    alone_wall = alone_used = 0.0
    for path in parts[: max(1, len(parts) // 4)]:
        table = pyarrow.parquet.read_table(path)
        start, begun = perf_counter(), process_time()
        pyarrow.parquet.write_table(
            table,
            f"{folder}/alone",
            compression="zstd",
            use_dictionary=False,
            row_group_size=1 << 18,
        )
        share = result.rows / table.num_rows if result.rows else 0.0
        alone_wall += (perf_counter() - start) * share
        alone_used += (process_time() - begun) * share
    tried = max(1, len(parts) // 4)
    return {
        "wall_s": wall,
        "processor_s": used,
        "alone_wall_s": alone_wall / tried,
        "alone_processor_s": alone_used / tried,
        "peak_gib": peak,
        "bytes": size,
        "rows": result.rows,
    }


if __name__ == "__main__":
    print(json.dumps(_rows(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
