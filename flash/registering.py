"""`flash.register` and `flash.plugins`: names for spaces, targets and methods of one's own."""

from __future__ import annotations

from .base import registry
from .base.checks import choice, public, shown
from .errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .base.registry import Plugin

__all__ = ["plugins", "register"]

# kind -> (what may be registered, the attribute of an object that is no function)
ACCEPTED = {
    "space": ("a space, or a class or function that returns one of its options", "family"),
    "target": ("a Target, or a function that returns one", "metrics"),
    "method": ("a function that takes a task, or an object that has it as run", "run"),
    "evaluator": ("an evaluator, or a function from a list of networks to accuracies", "evaluate"),
    "block": ("a function of (in_channels, out_channels, stride)", ""),
}


@public
def register(kind: str, name: str, object: Any) -> None:
    """Give a space, target, method, evaluator or block of one's own a name.

    Wherever flash takes a name of this kind, in Python, in files and on the command line, it then
    takes this one, in this process; a plugin's (entry-point group ``flash.plugins``) in every one.
    See docs/howto/plugins.md.

    Parameters
    ----------
    kind : {"space", "target", "method", "evaluator", "block"}
    name : str
        No path: without slashes, blanks, commas, colons and equals signs, and not ending as a
        file's name does (".json", ".toml", ".csv", ...).
    object
        A space: a `SearchSpace`, a `NetworkSpace`, or a class or function that makes one of
        keywords, all of which have defaults. A target: a `Target`, or a function without
        parameters that returns one, called when the target is first asked for. A method: a function
        that takes a `Task`, or an object that has it as ``run``. An evaluator: a function from a
        list of networks to accuracies, a `flash.Evaluator`, or a class of these. A block: a
        function of (in_channels, out_channels, stride).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If the name is built in or another thing has it, or the object is none of this kind. The
        same object may be registered again.

    Examples
    --------
    >>> def halves(task):
    ...     task.evaluate(task.draw(64))
    >>> flash.register("method", "halves", halves)
    >>> flash.search("densenet", "rram", method="halves").method
    'halves'
    """
    choice("kind", kind, registry.KINDS)
    if not isinstance(name, str):
        raise ArgumentTypeError(f"name must be text, got {shown(name)} ({type(name).__name__})")
    if not registry.is_name(name):
        raise ArgumentError(
            "name must be 1 to 100 characters that can't be taken for a path: no slash, blank, "
            f"comma, colon, quote or equals sign, no ending of a file, got {shown(name)}"
        )
    accepted, attribute = ACCEPTED[kind]
    if not callable(object) and not (attribute and hasattr(object, attribute)):
        raise ArgumentTypeError(
            f"object: a {kind} must be {accepted}, got {shown(object)} ({type(object).__name__})"
        )
    if name in _built_in(kind):
        raise ArgumentError(f"name: flash itself has a {kind} {name!r}; choose another name")
    _check_own_name(kind, name, object)
    registry.add(kind, name, object)


@public
def plugins() -> tuple[Plugin, ...]:
    """Return what plugins, and this process, registered.

    Returns
    -------
    tuple of Plugin
        One for each entry point of the group ``flash.plugins`` that is installed, those that failed
        with why, and one for what was registered by `register` alone, where there is something.

    Examples
    --------
    >>> for plugin in flash.plugins():
    ...     print(plugin)
    """
    return registry.all_plugins()


def _built_in(kind: str) -> tuple[str, ...]:
    """Return the names of a kind that come with flash."""
    if kind == "space":
        from .networks.families import FAMILIES
        from .spaces.known.homes import KNOWN
        from .spaces.network_space import HOMES

        return (*FAMILIES, *HOMES, *KNOWN)
    if kind == "block":
        from .spaces.known.blocks import BLOCKS

        return tuple(BLOCKS)
    if kind == "target":
        from .hardware.target import targets

        return targets()
    if kind == "method":
        from .methods import METHODS
        from .solving.options import METHODS as CORE

        return (*CORE, *METHODS)
    return ()


def _check_own_name(kind: str, name: str, thing: Any) -> None:
    """Refuse what has a name of its own that is another: results would bear that one."""
    own: Any = None
    if kind == "target" and not isinstance(thing, type):
        own = getattr(thing, "name", None)
    elif kind == "space":
        from .spaces.named import family_of

        own = family_of(thing)
    if isinstance(own, str) and own and own != name:
        what = "name" if kind == "target" else "family"
        raise ArgumentError(
            f"name: the {kind}'s own {what} is {own!r}, which results bear; register it by that, "
            f"got {name!r}"
        )
