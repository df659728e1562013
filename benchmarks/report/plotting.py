"""Pictures as bytes that are the same each time."""

from __future__ import annotations

import io
from typing import Any


def pyplot_of() -> Any:
    """Return matplotlib.pyplot, which opens no windows."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "flash"
    from matplotlib import pyplot

    return pyplot


def drawn(figure: Any, kind: str, **options: Any) -> bytes:
    """Return a figure as the content of a file."""
    with io.BytesIO() as file:
        figure.savefig(file, format=kind, **options)
        return file.getvalue()


def both(figure: Any, name: str) -> dict[str, bytes]:
    """Return a figure as .svg and .png, by file name, and close it."""
    pictures = {
        f"{name}.svg": drawn(figure, "svg", metadata={"Date": None}),
        f"{name}.png": drawn(figure, "png", dpi=130),
    }
    pyplot_of().close(figure)
    return pictures
