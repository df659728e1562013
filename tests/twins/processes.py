"""Other processes that see what this one does."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import subprocess


class Run(Protocol):
    """The fixtures `python` and `cli`."""

    def __call__(self, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]: ...


def environment(beside: str | None = None, **more: str) -> dict[str, str]:
    """Return this process's environment and path for another one.

    ``beside`` is the file of a test whose process imports modules that lie beside it.
    """
    own = [] if beside is None else [str(Path(beside).parent)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*own, *sys.path]), **more}
