"""Times in the report: both clocks, and a dash where an older run had one."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def ticking(*steps: float) -> Any:
    """Return a clock that goes on by these steps, again and again."""
    time, count = 0.0, -1

    def clock() -> float:
        nonlocal time, count
        count += 1
        time += steps[count % len(steps)]
        return time

    return clock


def test_calls_are_timed_in_turns() -> None:
    from benchmarks.common.timing import by_both_clocks

    made: list[str] = []
    calls = [lambda: made.append("a"), lambda: made.append("b")]
    # read before and after each call: 1 within the first, 4 within the second
    took = by_both_clocks(calls, repeat=3, warm=1, clock=ticking(0.0, 1.0, 0.0, 4.0))
    assert "".join(made) == "ab" * 4
    assert [one.cpu for one in took] == [[1.0] * 3, [4.0] * 3]
    assert all(seconds >= 0.0 for one in took for seconds in one.wall)
    assert took[1].entries("it")["it_cpu"] == 4.0


def test_processors_time_with_the_wall_beside() -> None:
    from benchmarks.report.format import both, middle, preferred

    rows = [{"s": 0.004, "s_cpu": 0.001}, {"s": 0.006, "s_cpu": 0.003}, {"s": 0.005}]
    assert both(rows[0], "s") == "1 (4)"
    assert both(rows[2], "s") == "- (5)"
    assert both({}, "s") == both({"s": None}, "s") == ""
    assert middle(rows[:2], "s") == {"s": 0.005, "s_cpu": 0.002}
    assert middle(rows, "s") == {"s": 0.005}
    assert preferred(rows[:2], "s") == ([0.001, 0.003], "processor time")
    assert preferred(rows, "s") == ([0.004, 0.006, 0.005], "by the clock")


def test_every_stored_fragment_is_written() -> None:
    """Those of before processor time was measured too: every section has its text."""
    from benchmarks.common.files import RESULTS
    from benchmarks.report.contents import FRAGMENTS

    told = {}
    for name in FRAGMENTS:
        path = RESULTS / f"{name}.json"
        if path.exists():
            told[name] = json.loads(path.read_text())["told"]
    assert {"search", "start", "compile", "predicted", "fronts"} <= set(told)
    for name, section in FRAGMENTS.items():
        if name in told:
            assert section.write(told, []), name
            for what, required, measured, holds in section.claims(told):
                assert what
                assert required
                assert (measured is None) or isinstance(holds, bool), what


def test_old_fragments_have_dashes_and_new_ones_none() -> None:
    from benchmarks.report.sections import compiling, start

    old = {"case": "a", "rows": 1, "needed": 0.002, "all_columns": 0.003}
    new = {**old, "needed_cpu": 0.001, "all_columns_cpu": 0.0015}
    assert "| a | 1 | - (2) | - (3) |" in compiling.write([old])
    assert "| a | 1 | 1 (2) | 1.5 (3) |" in compiling.write([new])
    wall = {name: k + 1.0 for k, name in enumerate(("python -c pass", "import flash and search"))}
    wall["flash search"] = 3.0
    one: dict[str, Any] = {
        "seconds": wall,
        "peak_kib": {"search": 1024, "bare": 1024},
        "modules_added": 0,
        "heavy": [],
    }
    assert "| flash search | - | - | 3e+03 | 3.00 |" in start.write([one])
    one["cpu_s"] = {name: 2.0 * t if "import" in name else t for name, t in wall.items()}
    assert "| import flash and search | 4e+03 | 4.00 | 2e+03 | 2.00 |" in start.write([one])
    _, _, measured, holds = next(iter(start.claims({"start": [one]})))
    assert (measured, holds) == ("4.00x, processor time", False)


def test_whose_a_threshold_is() -> None:
    from benchmarks.report.writing import claims

    whose = {one.what: one.whose for one in claims({})}
    assert whose["Raspberry Pi 3B, fresh process, estimate"] == "FLASH's paper"
    (pnas,) = {own for what, own in whose.items() if what.startswith("PNAS")}
    assert pnas == "PNAS's paper"
    assert whose["densenet x rram, whole call"] == "the project's"
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert "| claim | required | whose | measured | verdict |" in text
    assert not re.search(r"\]\(/", text)


def test_what_was_emulated_stands_beside_what_was_counted() -> None:
    from benchmarks.report.sections.aarch64 import SECTION

    counted = {
        "instructions": {"fresh": 4_000},
        "cpi": {"central": 1.5},
        "pi3b_s": {"central": 0.1},
        "pi3b_with_kernel_s": {"central": 0.14},
        "paper_s": 3.0,
    }
    emulated = {
        **counted,
        "instructions": {"fresh": 3_000},
        "equal_results": 7,
        "host_simd": "avx512",
        "build": {"version": "0.2.0", "compiler": "gcc 12"},
    }
    assert SECTION.write({}, []) == SECTION.write({"aarch64": {"skipped": "no"}}, []) == ""
    alone = SECTION.write({"aarch64": counted}, [])
    assert "4,000" in alone
    assert "emulated" not in alone
    text = SECTION.write({"aarch64": counted, "emulated": {"aarch64": emulated}}, [])
    assert text.startswith(alone)
    assert "flash 0.2.0, gcc 12; 7 searches with the same bits as here (avx512)" in text
    assert "3,000" in text


def test_a_dash_where_one_clock_was_not_read() -> None:
    from benchmarks.report.format import beside

    assert beside({"cpu": 0.001, "wall": 0.002}, "cpu", "wall") == "1 (2)"
    assert beside({"wall": 0.002}, "cpu", "wall") == "- (2)"
    assert beside({"cpu": 1.0}, "cpu", "wall", 1.0) == "1 (-)"
