"""What long work has done so far, shown on standard error: one way for everything.

On a terminal a bar of rich's, where rich is installed; else one line now and then, for files, pipes
and other programs. Either tells how much is done, of how much, how long it took and about how long
the rest takes, where that can be known. Loaded where somebody watches alone.
"""

from __future__ import annotations

import sys
from time import perf_counter

from .terminal import coloured, is_terminal, moves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Literal, Self, TypeAlias

    Watching: TypeAlias = bool | Literal["auto"]

__all__ = ["Estimate", "Progress", "time_of"]

AFTER_S = 1.0  # what takes less is told of in one line, or none where nobody asked
EVERY_S = 0.05  # between two changes of a bar
LINE_S, LONGEST_S = 1.0, 60.0  # between two lines: a share of the time so far, within these
SHARE = 0.05
LEAST_S = 0.5  # of time left that is told
WIDEST = 24  # of a bar, in characters
MOST_POINTS = 64
INF = float("inf")


def time_of(seconds: float) -> str:
    """Return a time as a reader wants it: ``0.4 s``, ``12 s``, ``5 min 20 s``, ``3 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours and days < 100 else f"{days:,} days"


class Estimate:
    """About how long the rest takes, by the pace of the later half of the time so far.

    So it follows work whose parts take differently long, and is smooth where they vary.

    Parameters
    ----------
    done : float
        What was done before the clock began.
    """

    def __init__(self, done: float) -> None:
        self.points: list[tuple[float, float]] = [(0.0, done)]

    def add(self, elapsed_s: float, done: float) -> None:
        """Take note of what is done by a time."""
        points = self.points
        points.append((elapsed_s, done))
        if len(points) > MOST_POINTS:
            del points[1 : MOST_POINTS // 2 : 2]

    def left_s(self, total: float) -> float | None:
        """Return about how many seconds the rest takes; None where nothing tells."""
        points = self.points
        now, done = points[-1]
        if done >= total:
            return 0.0
        first = points[0]
        half = max((one for one in points if one[0] <= now / 2), default=first)
        for then, before in (half, first):
            if done > before and now > then:
                return (total - done) * (now - then) / (done - before)
        return None


class Progress:
    """Shows how far work is; a context manager, to be left however the work ends.

    Parameters
    ----------
    shown : bool or "auto"
        "auto": on a terminal alone, and from the first second on.
    what : str
        The work, in a word or two: ``"sweep"``.
    total : float, optional
        How much is to be done, where that is known.
    unit : str
        What is counted, in the plural. Without one, shares of 1 are told in percent.
    done : float
        What was done before, by an earlier call.
    ends_s : float
        Seconds after which a limit ends the work.
    began : float, optional
        When it began, as `perf_counter` counts.
    """

    def __init__(
        self,
        shown: Watching,
        what: str,
        total: float | None = None,
        unit: str = "",
        *,
        done: float = 0.0,
        ends_s: float = INF,
        began: float | None = None,
    ) -> None:
        self.on = bool(shown) and sys.stderr is not None
        self.asked = shown is True
        if shown == "auto":
            self.on = is_terminal(sys.stderr)
        self.what, self.total, self.unit, self.ends_s = what, total, unit, ends_s
        self.done, self.told = done, ""
        self.began = perf_counter() if began is None else began
        self._estimate = Estimate(done)
        self._ends_at: float | None = None
        self._next_s = 0.0 if self.asked and moves(sys.stderr) else AFTER_S
        self._view: _Bar | _Lines | None = None

    def update(
        self,
        done: float | None = None,
        told: str | None = None,
        *,
        total: float | None = None,
        left_s: float | None = None,
    ) -> None:
        """Show what is done by now.

        Parameters
        ----------
        done : float, optional
            As much as before by default.
        told : str, optional
            What else is to be told of it, such as the best so far.
        total : float, optional
            Where it is known by now, or another than before.
        left_s : float, optional
            Seconds that are left, where the work knows better than its pace.
        """
        if not self.on:
            return
        if told is not None:
            self.told = told
        if total is not None:
            self.total = total
        now = perf_counter()
        elapsed_s = now - self.began
        if done is not None:
            self.done = done
            self._estimate.add(elapsed_s, done)
        if elapsed_s < self._next_s:
            return
        if left_s is None and self.total is not None:
            left_s = self._estimate.left_s(self.total)
        if self.ends_s < INF:
            left_s = min(self.ends_s - elapsed_s, INF if left_s is None else left_s)
        self._ends_at = None if left_s is None else now + left_s
        if self._view is None:
            self._view = _view(self)
        self._next_s = elapsed_s + self._view.show(elapsed_s)

    def start(self, done: float) -> None:
        """Take note of what was done before, which says nothing of the pace."""
        self.done = done
        self._estimate = Estimate(done)

    def advance(self, by: float = 1.0, told: str | None = None) -> None:
        """Show that more is done."""
        self.update(self.done + by, told)

    def note(self, text: str) -> None:
        """Tell what stays on a terminal above the bar: of each thing that took long."""
        if isinstance(self._view, _Bar):
            self._view.note(text)

    def close(self) -> None:
        """Take the bar away; as lines, tell how it ended."""
        view, self._view = self._view, None
        if view is None and self.on and self.asked:
            view = _view(self)
        if self.on and view is not None:
            view.close(perf_counter() - self.began)
        self.on = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # as text

    def amount(self) -> str:
        """Return what is done, of how much."""
        done, total = self.done, self.total
        if not self.unit:
            return "" if total is None else f"{100 * done / max(total, 1e-300):.3g} %"
        if total is None:
            return f"{int(done):,} {self.unit}"
        return f"{int(done):,} of {_whole(total)} {self.unit}"

    def text(self, elapsed_s: float, ended: bool = False) -> str:
        """Return all that is told, in a line."""
        parts = [self.amount(), self.told]
        if ended:
            parts.append(f"in {time_of(elapsed_s)}")
        else:
            parts += [time_of(elapsed_s), self.left()]
        return f"{self.what}: {', '.join(one for one in parts if one)}"

    def left(self) -> str:
        """Return how much time is left by now."""
        if self._ends_at is None:
            return ""
        left_s = self._ends_at - perf_counter()
        return f"about {time_of(left_s)} left" if left_s >= LEAST_S else ""

    def __format__(self, form: str) -> str:
        """Return what a column of rich's shows, as it is drawn."""
        if form == "amount":
            return self.amount()
        if form == "time":
            own = (time_of(perf_counter() - self.began), self.left())
            return ", ".join(one for one in own if one)
        return self.told if form == "told" else self.what


def _whole(total: float) -> str:
    """Return a total in full up to 15 digits, and as 1.23e+45 above."""
    return f"{int(total):,}" if total < 1e15 else f"{float(total):.3g}"


class _Lines:
    """One line now and then."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.last: str | None = None

    def show(self, elapsed_s: float) -> float:
        """Print a line, and return after how many seconds the next may be."""
        own = self.progress
        if own.total is None or own.done < own.total:  # else the last line follows at once
            self._print(own.text(elapsed_s))
        return min(LONGEST_S, max(LINE_S, SHARE * elapsed_s))

    def close(self, elapsed_s: float) -> None:
        self._print(self.progress.text(elapsed_s, True))

    def _print(self, line: str) -> None:
        try:
            print(line, file=sys.stderr, flush=True)
        except (OSError, ValueError):  # who watched has left: the work goes on
            self.progress.on = False


class _Board:
    """The bars that are drawn by now, of work within other work too."""

    bars: Any = None
    users = 0


class _Bar:
    """A bar of rich's, below those of what it is a part of."""

    def __init__(self, progress: Progress, rich: Any) -> None:
        self.progress = progress
        if _Board.bars is None:
            _Board.bars = _bars(rich)
            _Board.bars.start()
        _Board.users += 1
        self.task = _Board.bars.add_task("", total=progress.total, own=progress)

    def show(self, elapsed_s: float) -> float:
        """Draw it anew, and return after how many seconds it may be again."""
        own = self.progress
        _Board.bars.update(self.task, total=own.total, completed=own.done)
        return EVERY_S

    def note(self, text: str) -> None:
        _Board.bars.console.print(text, highlight=False, markup=False)

    def close(self, elapsed_s: float) -> None:
        _Board.users -= 1
        if _Board.users:
            _Board.bars.remove_task(self.task)
        else:
            bars, _Board.bars = _Board.bars, None
            bars.stop()


def _bars(rich: Any) -> Any:
    from rich.console import Console
    from rich.table import Column

    def column(form: str, **more: Any) -> Any:
        own = Column(no_wrap=True, **more)
        return rich.TextColumn(f"{{task.fields[own]:{form}}}", markup=False, table_column=own)

    console = Console(stderr=True, no_color=not coloured(sys.stderr))
    return rich.Progress(
        column("what"),
        rich.BarColumn(min(WIDEST, console.width // 8)),
        *map(column, ("amount", "time")),
        column("told", ratio=1, overflow="ellipsis"),  # what gives way on a narrow terminal
        console=console,
        expand=True,
        transient=True,
        redirect_stdout=is_terminal(sys.stdout),  # what goes to a file must not come here
    )


def _view(progress: Progress) -> _Bar | _Lines:
    if moves(sys.stderr):
        try:
            import rich.progress
        except ImportError:
            pass
        else:
            return _Bar(progress, rich.progress)
    return _Lines(progress)
