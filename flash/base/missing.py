"""An attribute that is not there, and the one that was meant."""

from __future__ import annotations

import sys

from .checks import hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["NoAttributeError"]


class NoAttributeError(AttributeError):
    """There is no such attribute.

    The nearest one is looked for when the message is read, so that ``hasattr`` stays cheap.

    Parameters
    ----------
    what : str
        What lacks it.
    name : str
    owner : object
        The same: `dir` of it says what there is.
    more : str, optional
        End of the message.
    """

    def __init__(self, what: str, name: str, owner: object, more: str = "") -> None:
        # Without `obj` Python's own traceback does not append a suggestion a second time.
        super().__init__(f"{what} has no attribute {name!r}", name=name, obj=None)
        self._wanted = name
        self._of = owner
        self._more = more

    def __str__(self) -> str:
        names = [one for one in dir(self._of) if not one.startswith("_") and one != self._wanted]
        near = "" if self._wanted.startswith("_") else hint(self._wanted, names)
        more = self._more
        if isinstance(self._of, type(sys)):  # flash itself: perhaps another `flash` was meant
            from .neighbours import conflict

            other = conflict()
            more += f". {other}" if other else ""
        return f"{self.args[0]}{near}{more}"

    def __reduce__(self) -> tuple[Any, ...]:
        return AttributeError, (str(self),)
