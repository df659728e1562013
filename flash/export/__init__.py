"""Out to frameworks: torch modules and ONNX files of architectures and networks.

Nothing here is imported before it is asked for; torch and onnx are extras.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["require"]


def require(what: str, extra: str, *packages: str) -> Any:
    """Import packages of an extra and return the first.

    Raises
    ------
    MissingExtraError
        If one is not installed; the message names `what` needs it and the extra.
    """
    from importlib import import_module

    from ..result import MissingExtraError

    found = []
    for package in packages:
        try:
            found.append(import_module(package))
        except ImportError as error:
            raise MissingExtraError(
                f"{what} needs {package}: pip install 'flash-nas[{extra}]'"
            ) from error
    return found[0]
