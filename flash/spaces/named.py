"""Spaces by name and from plain data, those that were registered among them."""

from __future__ import annotations

import json

from ..base import registry
from ..base.checks import faults, is_list, shown
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..networks.families import FAMILIES
from .known.homes import BLOCKS, KNOWN, known_space
from .network_space import HOMES, NetworkSpace, network_space
from .space import SearchSpace, family_space
from .tabled import TabledSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FILES = (".toml", ".json")  # what a path ends with that is no name

__all__ = ["any_space", "family_of", "registered_space", "space_from"]


def family_of(thing: Any) -> str | None:
    """Return the family by which files know the spaces that a class or a space stands for.

    None of a `SearchSpace`, which files hold whole, and of a function, which says nothing.
    """
    if isinstance(thing, TabledSpace):
        return None
    family = getattr(thing, "family", None)
    return family if isinstance(family, str) else None


def registered_space(name: str) -> Any:
    """Return the space that is registered by a name, with its default options; None: there is none.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If what is registered makes no space.
    """
    if name in KNOWN:
        return known_space(name)
    return registry.made("space", name, lambda thing: _made(name, thing, {}))


def any_space(value: Any, argument: str = "space") -> SearchSpace | NetworkSpace:
    """Return the space, of whatever make, that users name: a space is itself.

    By a family's name, that of another paper's space, of one of blocks that comes with flash or of
    a registered one, or by a file.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If nothing is known by the name, or the file holds no space.
    """
    found: Any = value  # of blocks, or one of the families': all that follows takes either
    if isinstance(value, (TabledSpace, NetworkSpace)):
        return found  # type: ignore[no-any-return]
    if hasattr(value, "__fspath__") or (isinstance(value, str) and value.endswith(FILES)):
        return SearchSpace.load(value)
    if not isinstance(value, str):
        raise ArgumentTypeError(
            f"{argument} must be a SearchSpace, a family's name or the path of a TOML or JSON "
            f"file, got {type(value).__name__}"
        )
    if value in FAMILIES:
        return family_space(value)
    if value in HOMES:
        return network_space(value)
    found = registered_space(value)
    if found is None:
        also = " or the path of a .toml or .json file"
        raise registry.refusal(argument, "space", value, (*FAMILIES, *KNOWN, *HOMES), also)
    return found  # type: ignore[no-any-return]


def _made(name: str, thing: Any, options: Mapping[str, Any]) -> Any:
    """Return the space that a registered thing stands for, checked."""
    space = thing
    if callable(thing) and not _is_space(thing):
        space = registry.call("space", name, thing, options)
        if not _is_space(space):
            raise ArgumentTypeError(
                f"space {name!r}, as it is registered, must return a space, got {shown(space)} "
                f"({type(space).__name__})"
            )
        own = family_of(space)
        if own is not None and own != name:
            raise ArgumentError(
                f"space {name!r}, as it is registered, returns one of family {own!r}: results "
                "would bear that name"
            )
    return space


def _is_space(thing: Any) -> bool:
    """Whether something is a space, of whatever make; a class is none."""
    needed = ("family", "decode", "to_dict")
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in needed)


def space_from(data: Any) -> Any:
    """Return a space of any make from plain data, as files and results hold it.

    ``{"family": NAME, **options}``, or "space" instead of "family".

    Raises
    ------
    FormatError
        If a key is unknown or a value not accepted, or nothing is known by the name; the message
        says which plugins failed.
    """
    family = None
    if isinstance(data, dict):
        family = data.get("family", data.get("space"))
    if not isinstance(family, str) or family in FAMILIES:
        return SearchSpace.from_dict(data)
    if family in tuple(HOMES):
        return network_space(data)
    if family in KNOWN or family == BLOCKS:
        from .blocks.files import from_dict

        own = {key: value for key, value in data.items() if key != "space"}
        return from_dict({**own, "family": family})
    thing = registry.registered("space", family)
    if thing is not None:
        return _read(family, thing, data)
    try:
        return SearchSpace.from_dict(data)
    except FormatError as error:
        raise FormatError(
            f"{error}; {shown(family)} is of no plugin that is installed here: install the one "
            "that brings it, register it (flash.register), or pass a space of your own as space="
            f"{registry.why_missing('space', family)}"
        ) from None


def _read(name: str, thing: Any, data: Mapping[str, Any]) -> Any:
    """Return a registered space of options, if it is the one that the data are of."""
    where = "the space"
    options = {key: value for key, value in data.items() if key not in ("family", "space")}
    with faults(where):
        if isinstance(thing, type) and issubclass(thing, NetworkSpace):
            space: Any = thing.from_dict(data)
        else:
            space = _made(name, thing, options)
    own = _plain(space.to_dict())
    wrong = [key for key, value in options.items() if key not in own or own[key] != _plain(value)]
    if wrong:
        raise FormatError(
            f"{where}: what is registered by this name now has {shown(own.get(wrong[0]))} for "
            f"{wrong[0]!r}, not {shown(options[wrong[0]])}: it is another space, or another "
            "version of its plugin"
        )
    return space


def _plain(value: Any) -> Any:
    """Return data as they come back from a file: lists for tuples, texts for keys."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if is_list(value):
        return [_plain(one) for one in value]
    return json.loads(json.dumps(value))
