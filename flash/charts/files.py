"""Charts as files, and what is checked before the work whose outcome they show."""

from __future__ import annotations

from ..base.extras import require
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any

    from .chart import Chart

__all__ = ["PICTURES", "check", "save"]

PICTURES = (".html", ".png", ".svg", ".pdf")


def check(name: str, path: Any) -> str:
    """Return the path of a picture that can be written: its ending, its place, what draws it.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it can't.
    MissingExtraError
        If what draws it is not installed.
    """
    from ..base.checks import path_of, writable

    given = path_of(name, path)
    if not given.endswith(PICTURES):
        raise ArgumentError(f"{name} must end in one of {', '.join(PICTURES)}, got {given!r}")
    writable(name, given)
    home = "plotly.graph_objects" if given.endswith(".html") else "matplotlib.figure"
    require(name, "plot", home)
    return given


def save(chart: Chart, path: str | os.PathLike[str]) -> None:
    """Write a picture; complete or not there."""
    from io import BytesIO

    from ..base.checks import write_bytes_atomic, write_text_atomic

    name = check("path", path)
    kind = name.rpartition(".")[2]
    if kind == "html":
        from .by_plotly import ZOOMED

        page = chart.plotly().to_html(include_plotlyjs=True, post_script=ZOOMED)
        write_text_atomic(name, page)
        return
    if kind == "svg":
        head = '<?xml version="1.0" encoding="utf-8"?>\n'
        write_text_atomic(name, f"{head}{chart.svg()}\n")
        return
    from .by_matplotlib import drawn, styled
    from .layout import laid

    with BytesIO() as buffer, styled():
        more = {"metadata": {"CreationDate": None}} if kind == "pdf" else {"dpi": 150}
        drawn(laid(chart, told=0)).savefig(buffer, format=kind, **more)
        write_bytes_atomic(name, buffer.getvalue())
