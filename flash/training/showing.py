"""Progress of a training on standard error: rich's bars on a terminal, else one line a network."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from ..base.extras import terminal_bars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Show = Callable[[dict[str, Any]], None]

__all__ = ["display"]


@contextmanager
def display(wanted: bool, total: int, done: int, epochs: int) -> Iterator[Show]:
    """Give a function that takes each event of the workers.

    Parameters
    ----------
    wanted : bool
        Whether to show anything.
    total, done : int
        Trainings of the run, and those finished before.
    epochs : int
        Of one training.
    """
    if not wanted:
        yield lambda event: None
        return
    progress = terminal_bars()
    if progress is None:
        yield _lines(total, done)
        return
    with _bars(progress, total, done, epochs) as show:
        yield show


def _lines(total: int, done: int) -> Show:
    def show(event: dict[str, Any]) -> None:
        nonlocal done
        if event["event"] == "done":
            done += 1
            print(
                f"{done}/{total}: network {event['index']}, accuracy {event['accuracy']:.4f}, "
                f"{event['seconds']:.1f} s",
                file=sys.stderr,
                flush=True,
            )

    return show


@contextmanager
def _bars(progress: Any, total: int, done: int, epochs: int) -> Iterator[Show]:
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bars:
        whole = bars.add_task("networks", total=total, completed=done)
        tasks: dict[tuple[int, int], Any] = {}

        def show(event: dict[str, Any]) -> None:
            key = (event["index"], event["repeat"])
            if event["event"] == "epoch":
                if key not in tasks:
                    name = f"network {key[0]}" + (f", repeat {key[1]}" if key[1] else "")
                    tasks[key] = bars.add_task(f"  {name}", total=epochs)
                bars.update(tasks[key], completed=event["epoch"])
                return
            if key in tasks:
                bars.remove_task(tasks.pop(key))
            bars.advance(whole)
            bars.console.print(
                f"network {key[0]}: accuracy {event['accuracy']:.4f}, {event['seconds']:.1f} s",
                highlight=False,
            )

        yield show
