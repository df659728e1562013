"""Methods from outside: a function that takes a task, passed itself or registered by a name."""

from __future__ import annotations

import functools
import types

from ..base.checks import shown
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError, FlashError
from . import METHODS, MethodOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ..evaluators import Evaluator
    from ..hardware.target import Target
    from ._task import Task

__all__ = ["MethodError", "OwnMethod", "as_method", "name_of", "own_method"]


class MethodError(FlashError, RuntimeError):
    """A method from outside flash raised, or did something else than to search."""


class OwnMethod(Record):
    """A method from outside, with the names that the modules of this package have."""

    name: str
    function: Callable[..., object]
    OPTIONS: Mapping[str, MethodOption]
    by_keyword: bool
    ends: bool
    unfit: Callable[[Any, Evaluator], str | None] | None
    unfit_target: Callable[[Target], str | None] | None

    def run(self, task: Task) -> None:
        """Let it search; what it raises is told as its own."""
        options = task.options if self.by_keyword else {}
        try:
            given = self.function(task, **options)
        except FlashError as error:
            error.add_note(f"in method {self.name!r}")
            raise
        except Exception as error:
            raise MethodError(
                f"method {self.name!r} raised {type(error).__name__}: {error}"
            ) from error
        if isinstance(given, (types.GeneratorType, types.CoroutineType)):
            given.close()
            raise MethodError(
                f"method {self.name!r} must search when it is called, and return nothing; it "
                f"returned a {type(given).__name__}: it asks task.evaluate(rows), and doesn't yield"
            )


def as_method(value: Any, core: Iterable[str], argument: str = "method") -> str | OwnMethod:
    """Return a method from what users pass: a name, of flash (`core` too) or registered, or itself.

    argument: what errors call it.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it is none.
    """
    known = (*core, *METHODS)
    if isinstance(value, str):
        if value in known:
            return value
        from ..base import registry

        def make(thing: Any) -> OwnMethod:
            return own_method(thing, value)

        found: OwnMethod | None = registry.made("method", value, make)
        if found is None:
            raise registry.refusal(argument, "method", value, known, " or a function of a task")
        return found
    if not callable(value) and not hasattr(value, "run"):
        raise ArgumentTypeError(
            f"{argument} must be one of {', '.join(map(repr, known))}, or a function that takes a "
            f"task (docs/howto/plugins.md), got {shown(value)} ({type(value).__name__})"
        )
    found = own_method(value, name_of(value))
    if found.name in known:
        raise ArgumentError(
            f"{argument}: flash itself has a method {found.name!r}, by which results would call "
            f"{shown(value)} too; give it another name"
        )
    return found


def name_of(thing: Any) -> str:
    """Return what results call a method: its `name`, the function's or module's, or its class's."""
    if isinstance(thing, functools.partial):
        thing = thing.func
    found = getattr(thing, "name", None)
    if isinstance(found, str) and found:
        return found
    found = getattr(thing, "__name__", None)
    if isinstance(found, str) and found:
        return found.rpartition(".")[2]
    return type(thing).__name__


def own_method(thing: Any, name: str) -> OwnMethod:
    """Return what a function, or an object that has it, says of itself, checked."""
    if isinstance(thing, type):  # called with a task it would make an object and search nothing
        try:
            thing = thing()
        except TypeError as error:
            raise ArgumentTypeError(
                f"method {name!r} is a class, which must need no arguments: {error}"
            ) from None
    function: Any = thing if callable(thing) else getattr(thing, "run", None)
    if not callable(function):
        raise ArgumentTypeError(
            f"method {name!r} must be a function that takes a task, or have one as run, got "
            f"{shown(thing)} ({type(thing).__name__})"
        )
    declared: Any = getattr(thing, "options", getattr(thing, "OPTIONS", None))
    words = _keywords(name, function)
    by_keyword = declared is None
    if by_keyword:
        declared = words
    if not hasattr(declared, "items"):
        raise ArgumentTypeError(f"method {name!r}: options must be a dict, got {shown(declared)}")
    return OwnMethod(
        name,
        function,
        {str(key): _option(name, str(key), one) for key, one in declared.items()},
        by_keyword,
        bool(getattr(thing, "ends", False)),
        _asked(name, thing, "unfit"),
        _asked(name, thing, "unfit_target"),
    )


def _asked(name: str, thing: Any, what: str) -> Any:
    found = getattr(thing, what, None)
    if found is not None and not callable(found):
        raise ArgumentTypeError(f"method {name!r}: {what} must be a function, got {shown(found)}")
    return found


def _keywords(name: str, function: Any) -> dict[str, Any]:
    """Return a function's keyword-only parameters with their defaults: options, where it says none.

    Raises
    ------
    ArgumentTypeError
        If it can't be called with a task alone.
    """
    from inspect import Parameter, signature

    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):  # of what isn't written in Python
        return {}
    free = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    places = [one for one in parameters if one.kind in free]
    many = any(one.kind is Parameter.VAR_POSITIONAL for one in parameters)
    more = [one.name for one in places[1:] if one.default is Parameter.empty]
    named = [one for one in parameters if one.kind is Parameter.KEYWORD_ONLY]
    more += [one.name for one in named if one.default is Parameter.empty]
    if more or not (places or many):
        raise ArgumentTypeError(
            f"method {name!r} must take a task, and nothing else that has no default, got "
            f"{name_of(function)}{signature(function)}"
        )
    return {one.name: one.default for one in named}


def _option(method: str, name: str, given: Any) -> MethodOption:
    if isinstance(given, MethodOption):
        given.check(f"method {method!r}: the default of option {name!r}", given.default)
        return given
    if isinstance(given, (bool, int, float, str)):
        return MethodOption(given)
    raise ArgumentTypeError(
        f"method {method!r}: the default of option {name!r} must be a number, text, True, False or "
        f"a flash.MethodOption, got {shown(given)}"
    )
