"""Progress of a sweep on standard error: rich's bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from ..base.extras import terminal_bars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .run import SweepEvent

__all__ = ["display"]

EVERY_S = 1.0


@contextmanager
def display(wanted: bool, total: int, done: int) -> Iterator[Callable[[SweepEvent], None]]:
    """Give a function that takes each event; `total` and `done`: configurations."""
    if not wanted or sys.stderr is None:
        yield lambda event: None
        return
    progress = terminal_bars()
    if progress is None:
        yield _lines()
        return
    with _bar(progress, total, done) as show:
        yield show


def _told(event: SweepEvent) -> str:
    best = "" if event.objective is None else f", best {event.objective:.6g}"
    return f"{event.rate:.3g}/s, {event.feasible:,} feasible{best}"


def _lines() -> Callable[[SweepEvent], None]:
    last = -EVERY_S

    def show(event: SweepEvent) -> None:
        nonlocal last
        if event.elapsed_s - last < EVERY_S and event.units < event.total_units:
            return
        last = event.elapsed_s
        print(
            f"{100 * event.count / event.size:.1f} %: {_told(event)}, {event.left_s:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return show


@contextmanager
def _bar(progress: Any, total: int, done: int) -> Iterator[Callable[[SweepEvent], None]]:
    from rich.console import Console

    columns = (
        progress.TextColumn("sweep"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=total, completed=done)
        yield lambda event: bars.update(task, completed=event.count, description=_told(event))
