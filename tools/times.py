"""What the tests take: a plugin of pytest that ends with the slowest tests and files.

    make times                                  also writes tests/long.txt
    python -m pytest -p tools.times tests/core

Times are processor time, of the test and of the processes that it waited for, so that they mean
something on a machine that does other work too. What a shared fixture takes counts for the first
test that asks for it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 40
UNMARKED_S = 0.5  # a test without the mark `slow` that takes longer should have it
LONG_S, LONG_IN_ALL_S = 0.3, 0.8  # one case of a test, or all of them: `make quick` leaves it out
LIST = Path(__file__).resolve().parent.parent / "tests" / "long.txt"

_began: dict[str, float] = {}
_taken: dict[str, float] = {}
_unmarked: set[str] = set()


def spent() -> float:
    """Return the processor time of this process and of those that it waited for, in seconds."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _began[item.nodeid] = spent()
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put on the last report of a test what it took: pytest-xdist sends all that a report has."""
    made: Any = yield
    report = made.get_result()
    if report.when == "teardown":
        report.processor_s = spent() - _began.pop(item.nodeid)
        report.unmarked = not any(item.iter_markers("slow"))


def pytest_runtest_logreport(report: Any) -> None:
    if hasattr(report, "processor_s"):
        _taken[report.nodeid] = report.processor_s
        if report.unmarked:
            _unmarked.add(report.nodeid)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-long", action="store_true", help="write tests/long.txt anew")


def long_tests(taken: dict[str, float], before: list[str]) -> list[str]:
    """Return the tests, without their cases, that `make quick` leaves out for their time.

    before: those that took long when they last ran; what did not run now stays as it was.
    """
    most: dict[str, float] = defaultdict(float)
    total: dict[str, float] = defaultdict(float)
    for case, seconds in taken.items():
        test = case.partition("[")[0]
        most[test] = max(most[test], seconds)
        total[test] += seconds
    found = {one for one in total if most[one] >= LONG_S or total[one] >= LONG_IN_ALL_S}
    return sorted(found | {one for one in before if one not in total})


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _taken and terminalreporter.config.getoption("--write-long"):
        kept = LIST.with_suffix(".new")
        before = LIST.read_text(encoding="utf-8").split()
        kept.write_text("\n".join(long_tests(_taken, before)) + "\n", encoding="utf-8")
        kept.replace(LIST)
    files: dict[str, float] = defaultdict(float)
    for test, seconds in _taken.items():
        files[test.partition("::")[0]] += seconds
    late = {t: s for t, s in _taken.items() if t in _unmarked and s >= UNMARKED_S}
    for title, found in (
        ("files", files), ("tests", _taken), ("tests without the mark `slow`", late)
    ):  # fmt: skip
        terminalreporter.section(f"processor time: {title}")
        most = sorted(found.items(), key=lambda one: -one[1])
        for name, seconds in most[:SHOWN]:
            terminalreporter.write_line(f"{seconds:8.2f} s  {name}")
        rest = sum(seconds for _, seconds in most[SHOWN:])
        if rest:
            terminalreporter.write_line(f"{rest:8.2f} s  {len(most) - SHOWN} others")
    total = sum(_taken.values())
    terminalreporter.write_line(f"{total:8.2f} s  in all, of {len(_taken)} tests")
