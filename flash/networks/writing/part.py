"""Marks classes of torch modules as parts: self-contained ones, whose source `to_torch_code`
writes."""

from __future__ import annotations

from functools import wraps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["MADE_WITH", "part"]

MADE_WITH = "made_with"


def part(cls: type[T]) -> type[T]:
    """Decorate a class of modules: each remembers what it was made with, as (places, keywords).

    Its source, and that of what it uses of its file, must need torch alone.
    """
    made: Any = cls.__init__

    @wraps(made)
    def init(self: Any, *places: Any, **keywords: Any) -> None:
        if type(self) is cls:  # not that of a class made of it
            self.__dict__[MADE_WITH] = places, keywords
        made(self, *places, **keywords)

    cls.__init__ = init  # type: ignore[method-assign]
    return cls
