"""The same call gives the same result: in another process, in any thread, after anything."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from twins.problems import FAMILIES, make
from twins.processes import Run

import flash
from flash._core.search.exact import Query, Search
from flash._core.search.shgo import explore
from flash._core.tables.tables import Tables

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("densenet", "rram", {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}),
    ("densenet", "rram", {"max_latency_ms": 1.0, "max_params": 300_000}),
    ("densenet", "cpu-x86", {"max_latency_ms": 3.0}),
    ("resnet", "rram", {"max_energy_mj": 0.05}),
    ("wide-resnet", "cpu-x86", {"max_latency_ms": 5.0, "max_macs": 90_000_000}),
    ("mobilenet-v2", "cpu-x86", {"max_latency_ms": 4.0}),
    ("densenet", "rram", {"objective": {"accuracy": 6, "latency_ms": -1, "energy_mj": -1}}),
    ("densenet", "rram", {"max_latency_ms": 1e-6}),
    ("densenet", "rram", {"max_latency_ms": 4.0, "certify": False}),
    ("densenet", "rram", {"max_latency_ms": 4.0, "method": "exact"}),
]
SCRIPT = """
import json, sys, flash
calls = json.loads(sys.argv[1])
results = [flash.search(space, target, **options) for space, target, options in calls]
print(json.dumps([{**r.to_dict(), "elapsed_s": 0} for r in results]))
"""


def plain(result: Any) -> dict[str, Any]:
    return json.loads(json.dumps({**result.to_dict(), "elapsed_s": 0}))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def expected() -> list[dict[str, Any]]:
    return [plain(flash.search(space, target, **options)) for space, target, options in CALLS]


def test_again(expected: list[dict[str, Any]]) -> None:
    """In another order, so after other searches."""
    for (space, target, options), before in list(zip(CALLS, expected, strict=True))[::-1]:
        assert plain(flash.search(space, target, **options)) == before


def test_in_other_processes(expected: list[dict[str, Any]], python: Run) -> None:
    for _ in range(2):
        assert json.loads(python("-c", SCRIPT, json.dumps(CALLS)).stdout) == expected


def test_in_threads_at_once(expected: list[dict[str, Any]]) -> None:
    """The core releases the GIL: searches really run beside one another."""

    def one(number: int) -> bool:
        space, target, options = CALLS[number % len(CALLS)]
        return plain(flash.search(space, target, **options)) == expected[number % len(CALLS)]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(12 * len(CALLS))))


def test_tables_may_be_shared_by_threads() -> None:
    problems = [make(Random(f"threads{n}"), family) for n, family in enumerate(FAMILIES)]
    tables = [Tables.from_arrays(p.variants, p.links) for p in problems]

    def one(number: int) -> Any:
        p = problems[number % len(problems)]
        core = Search(tables[number % len(problems)], Query(p.maximum, p.min_accuracy, p.exponent))
        explore(core)
        core.prove()
        return core.best, core.bound, core.counts

    expected = [one(number) for number in range(len(problems))]
    with ThreadPoolExecutor(8) as pool:
        for number, got in enumerate(pool.map(one, range(20 * len(problems)))):
            assert got == expected[number % len(problems)]


def test_the_seed_changes_no_proven_answer() -> None:
    answers = {
        flash.search("densenet", "rram", max_latency_ms=2.5, seed=seed).index for seed in range(5)
    }
    assert len(answers) == 1
