"""How do the peers fare on the same tables and budgets, in the same run as flash?

Each runs in a process of its own (see peers/run.py), with flash's solver timed right beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.common.cases import budgets_of, problem_of, query_of
from benchmarks.peers.run import PEERS, flash_call

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


@pytest.mark.parametrize("name", PEERS)
def test_peer(benchmark: Any, name: str, quick: bool, tmp_path: Path) -> None:
    out = tmp_path / "peer.json"
    words = [sys.executable, "-m", "benchmarks.peers.run", name, str(out)]
    done = subprocess.run([*words, *(["--quick"] if quick else [])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    benchmark.extra_info.update(found)
    case = PEERS[name].case
    query, tables = query_of(budgets_of(case).each[0]), problem_of(case).tables
    benchmark.pedantic(lambda: flash_call(tables, query), rounds=9, warmup_rounds=2)
    assert found["runs"]
