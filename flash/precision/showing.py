"""Progress of measuring on standard error: rich's bar on a terminal, else a line for each."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from ..base.extras import terminal_bars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Show = Callable[[str, str], None]

__all__ = ["display"]


@contextmanager
def display(wanted: bool, what: str, total: int, done: int) -> Iterator[Show]:
    """Give a function that takes each one's name and outcome, of `total`; `what`: in the plural."""
    if not wanted or sys.stderr is None:
        yield lambda name, told: None
        return
    progress = terminal_bars()
    if progress is None:
        yield _lines(total, done)
        return
    with _bar(progress, what, total, done) as show:
        yield show


def _lines(total: int, done: int) -> Show:
    def show(name: str, told: str) -> None:
        nonlocal done
        done += 1
        print(f"{done}/{total}: {name}: {told}", file=sys.stderr, flush=True)

    return show


@contextmanager
def _bar(progress: Any, what: str, total: int, done: int) -> Iterator[Show]:
    from rich.console import Console

    columns = (
        progress.TextColumn(what),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=total, completed=done)
        yield lambda name, told: bars.update(task, advance=1, description=name)
