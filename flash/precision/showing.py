"""Progress of sensitivities on standard error: rich's bar on a terminal, else a line a layer."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from ..base.extras import terminal_bars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .table import Sensitivity

    Show = Callable[[tuple[Sensitivity, ...]], None]

__all__ = ["display"]


@contextmanager
def display(wanted: bool, total: int, done: int) -> Iterator[Show]:
    """Give a function that takes each layer's rows; `total` and `done`: layers."""
    if not wanted or sys.stderr is None:
        yield lambda rows: None
        return
    progress = terminal_bars()
    if progress is None:
        yield _lines(total, done)
        return
    with _bar(progress, total, done) as show:
        yield show


def _lines(total: int, done: int) -> Show:
    def show(rows: tuple[Sensitivity, ...]) -> None:
        nonlocal done
        done += 1
        told = ", ".join(f"{row.loss:+.3g} at {row.bits} bits" for row in rows)
        print(f"{done}/{total}: {rows[0].layer}: {told}", file=sys.stderr, flush=True)

    return show


@contextmanager
def _bar(progress: Any, total: int, done: int) -> Iterator[Show]:
    from rich.console import Console

    columns = (
        progress.TextColumn("layers"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=total, completed=done)
        yield lambda rows: bars.update(task, advance=1, description=rows[0].layer)
