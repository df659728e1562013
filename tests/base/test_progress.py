"""How far long work is: one way to show it, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

import flash
from flash.base import progress as module
from flash.base import terminal
from flash.base.progress import Estimate, Progress, time_of


class Clock:
    """Stands for `perf_counter`."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "perf_counter", made)
    return made


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal; in the test itself, for pytest changes it before."""
    pytest.importorskip("rich")
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_times() -> None:
    seconds = (0.04, 9.94, 12.0, 99.0, 100.0, 320.0, 1500.0, 3600.0, 11400.0, 180000.0, 9e7)
    assert [time_of(one) for one in seconds] == [
        "0.0 s", "9.9 s", "12 s", "99 s", "1 min 40 s", "5 min 20 s", "25 min", "1 h", "3 h 10 min",
        "2 days 2 h", "1,041 days",
    ]  # fmt: skip


def test_the_pace_of_the_later_half_tells_what_is_left() -> None:
    steady = Estimate(0)
    assert steady.left_s(10) is None
    for second in range(1, 5):
        steady.add(second, second)
    assert steady.left_s(10) == pytest.approx(6.0)
    assert steady.left_s(4) == 0.0
    slower = Estimate(0)  # a second each, then ten seconds each: the rest takes as these
    for k in range(10):
        slower.add(k + 1.0, k + 1)
    for k in range(10):
        slower.add(10.0 + 10.0 * (k + 1), 11 + k)
    assert slower.left_s(30) == pytest.approx(100.0)
    resumed = Estimate(90)  # done before: in no time of this call
    resumed.add(10.0, 91)
    assert resumed.left_s(100) == pytest.approx(90.0)
    many = Estimate(0)
    for k in range(10_000):
        many.add(k * 0.01, k)
    assert len(many.points) <= 100
    assert many.left_s(20_000) == pytest.approx(100.0, rel=0.02)


def test_lines_now_and_then(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Once a second at first, ever less often later, and once in the end."""
    with Progress(True, "sweep", 7200, "rows") as seen:
        for second in range(1, 7200):
            clock.now = float(second)
            seen.update(second, f"row {second}")
        clock.now = 7200.0
        seen.update(7200, "row 7200")
    lines = capsys.readouterr().err.splitlines()
    assert 100 < len(lines) < 250
    assert lines[0] == "sweep: 1 of 7,200 rows, row 1, 1.0 s, about 1 h 59 min left"
    assert lines[1].startswith("sweep: 2 of 7,200 rows, row 2, 2.0 s")
    assert lines[-1] == "sweep: 7,200 of 7,200 rows, row 7200, in 2 h"
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_what_is_known_is_told(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    def line(seen: Progress, *done: float) -> str:
        for one in done:
            clock.now += 2.0
            seen.update(one)
        return capsys.readouterr().err.splitlines()[-1]

    assert line(Progress(True, "front", 1.0), 0.25) == "front: 25 %, 2.0 s, about 6.0 s left"
    assert line(Progress(True, "search", None, "nodes"), 1234) == "search: 1,234 nodes, 2.0 s"
    limited = Progress(True, "search", None, "nodes", ends_s=60)
    assert line(limited, 10) == "search: 10 nodes, 2.0 s, about 58 s left"
    both = Progress(True, "search", 20, "runs", ends_s=60)
    assert line(both, 10) == "search: 10 of 20 runs, 2.0 s, about 2.0 s left"
    own = Progress(True, "compare", 4, "runs")
    clock.now += 2.0
    own.update(1, left_s=90.0)
    assert capsys.readouterr().err == "compare: 1 of 4 runs, 2.0 s, about 90 s left\n"
    huge = Progress(True, "search", 10**30, "rows")
    assert line(huge, 10).startswith("search: 10 of 1e+30 rows, 2.0 s, about ")


def test_nothing_where_nobody_watches(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for shown in (False, "auto"):  # this is no terminal
        with Progress(shown, "sweep", 2, "rows") as seen:  # type: ignore[arg-type]
            clock.now += 5.0
            seen.advance()
            seen.note("of no interest")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stderr", None)  # as below a window without a console
    with Progress(True, "sweep", 2, "rows") as seen:
        seen.advance()


def test_a_reader_that_left_does_not_end_the_work(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    with Progress(True, "sweep", 3, "rows") as seen:
        for _ in range(3):
            clock.now += 2.0
            seen.advance()
    assert seen.done == 1  # nobody is told any more


def test_auto_waits_a_second(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_a_terminal(monkeypatch)
    with Progress("auto", "sweep", 4, "rows") as seen:
        clock.now = 0.9
        seen.advance()
    assert screen.getvalue() == ""
    with Progress("auto", "sweep", 4, "rows") as seen:
        clock.now += 1.1
        seen.advance(told="[bold]no markup[/]")
    assert "1 of 4 rows" in screen.getvalue()
    assert "[bold]no markup[/]" in screen.getvalue()


def test_bars_within_bars(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_a_terminal(monkeypatch)
    with Progress(True, "search", 8, "evaluations") as outer:
        outer.update(3, "best 0.91")
        with Progress(True, "training", 4, "networks") as inner:
            inner.update(1)
            inner.note("network 0: accuracy 0.5")
            assert module._Board.users == 2
        outer.update(4)
    assert module._Board.bars is None
    text = screen.getvalue()
    for told in ("3 of 8 evaluations", "best 0.91", "1 of 4 networks", "network 0: accuracy 0.5"):
        assert told in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor is back


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_terminals_without_colours(
    name: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = on_a_terminal(monkeypatch)
    monkeypatch.setenv(name, "1" if name == "NO_COLOR" else "dumb")
    with Progress(True, "sweep", 4, "rows") as seen:
        clock.now = 2.0
        seen.advance()
    text = screen.getvalue()
    assert "1 of 4 rows" in text
    assert "\x1b[3" not in text.replace("\x1b[39m", "")
    assert ("\x1b" in text) == (name == "NO_COLOR")  # a dumb terminal has lines


@pytest.mark.parametrize(
    ("variables", "terminal_", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR": "0"}, True, False),
        ({"CLICOLOR": "1"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_where_colours_go(
    variables: dict[str, str], terminal_: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal.coloured(Terminal() if terminal_ else io.StringIO()) is expected
    closed = io.StringIO()
    closed.close()
    assert not any(map(terminal.is_terminal, (None, 3, io.StringIO(), closed)))


def test_a_search_that_is_watched_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the user listens too, and where an error ends it."""
    given = {"max_latency_ms": 4.0, "max_energy_mj": 0.04}
    heard: list[object] = []
    seen = flash.search("densenet", "rram", progress=True, callback=heard.append, **given)
    alone = flash.search("densenet", "rram", **given)
    assert (seen.x, seen.objective, seen.proven) == (alone.x, alone.objective, True)
    assert heard
    assert capsys.readouterr().err.startswith("search: ")
    with pytest.raises(ZeroDivisionError):
        flash.search("densenet", "rram", progress=True, callback=lambda event: 1 / 0, **given)
    assert flash.search("densenet", "rram", progress="auto", confidence=0.9, **given).success
    with pytest.raises(flash.FlashError, match="confidence goes with neither"):
        flash.search("densenet", "rram", progress=True, confidence=0.9)
    fleet = flash.search("densenet", ["rram", "cpu-x86"], progress=True, max_params=3e6)
    assert len(fleet) == 2
    assert "search: 2 of 2 devices, in " in capsys.readouterr().err
