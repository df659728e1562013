"""Spaces of blocks as plain data.

One that comes with flash is its name and its options. Any other is its stages: a block that has a
name (those of flash, and what `flash.register("block", ...)` added) is read back by it; of a
function a file holds what it is called, which tells the space from others but makes none.

Networks are numbered in the order of options and of their choices. So both are written as lists:
tables would lose it where a program sorts their keys. Tables are read too, in their order.
"""

from __future__ import annotations

import json
from hashlib import sha256

from ...base.checks import faults, known_keys, shown
from ...errors import FormatError
from ..choices import plain
from ..known.homes import BLOCKS
from .options import SKIP, Option
from .stage import Stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .network import BlockNetwork
    from .space import BlockSpace

__all__ = ["from_dict", "network_from_dict", "to_dict"]

KEPT = 16
_live: dict[str, BlockSpace] = {}  # of functions, by what files hold of them
_read: dict[str, BlockSpace] = {}  # those that networks were read of last: one object for all
_SPACE = (
    *("family", "name", "input", "stem", "stages", "head", "num_classes"),
    *("width_multipliers", "bits", "digest"),
)
_STAGE = ("options", "widths", "repeats", "stride", "shared", "cell", "name")
_OPTION = ("name", "block", "choices", "function")


def to_dict(space: BlockSpace) -> dict[str, Any]:
    """Return a space as plain data."""
    from copy import deepcopy

    if space.origin is not None:
        return {"family": space.name, **deepcopy(dict(space.origin))}
    inputs = [list(one) for one in space.inputs]
    known: dict[str, Any] | None = space.__dict__.get("_plain")
    if known is not None:
        if "digest" in known:
            _keep(known, space)
        return deepcopy(known)
    data: dict[str, Any] = {"family": BLOCKS, "name": space.name}
    data["input"] = inputs if len(inputs) > 1 else inputs[0]
    if space.stem is not None:
        data["stem"] = _stage(space.stem)
    data["stages"] = [_stage(one) for one in space.stages]
    if space.head is not None:
        data["head"] = _stage(space.head)
    data["num_classes"] = space.num_classes
    if space.factors != (1,):
        data["width_multipliers"] = plain(space.width_multipliers)
    if space.bits != 32:
        data["bits"] = space.bits
    if _has_functions(space):
        from .recipe import fragments

        layers = [[one.name, one.network.to_dict()] for one in fragments(space)]
        data["digest"] = sha256(json.dumps(layers, sort_keys=True).encode()).hexdigest()
        _keep(data, space)
    space.__dict__["_plain"] = data
    return deepcopy(data)


def _keep(data: dict[str, Any], space: BlockSpace) -> None:
    """Keep a space of functions to be read back in this process; the one used last goes last."""
    text = _text(data)
    _live.pop(text, None)
    _live[text] = space
    while len(_live) > KEPT:
        _live.pop(next(iter(_live)))


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True)


def _has_functions(space: BlockSpace) -> bool:
    """Whether a file cannot hold all of a space."""
    from ..known.blocks import name_of

    options = [one for stage in space.all_stages for one in stage.options.values()]
    return any(one is not None and name_of(one) is None for one in options)


def _stage(stage: Stage) -> dict[str, Any]:
    options = [{"name": name, **_option(one)} for name, one in stage.options.items()]
    found: dict[str, Any] = {"options": options}
    if stage.widths is not None:
        found["widths"] = plain(stage.widths)
    found["repeats"] = plain(stage.repeats)
    found["stride"] = stage.stride
    for name, usual in (("shared", False), ("cell", None), ("name", None)):
        if getattr(stage, name) != usual:
            found[name] = getattr(stage, name)
    return found


def _option(option: Option | None) -> dict[str, Any]:
    if option is None:
        return {"block": SKIP}
    from ..known.blocks import name_of

    choices = [[name, list(one)] for name, one in (option.choices or {}).items()]
    name = name_of(option)
    if name is not None:
        return {"block": name, "choices": choices}
    return {"function": _called(option.build), "choices": choices}


def _called(function: Any) -> str:
    while hasattr(function, "func"):  # a partial
        function = function.func
    module = getattr(function, "__module__", "") or ""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{module}.{name}"


def from_dict(data: Any, where: str = "the space") -> BlockSpace:
    """Return the space that plain data describe; every fault is a FormatError."""
    from ..known.homes import KNOWN, space_from
    from .space import BlockSpace

    family = data.get("family") if hasattr(data, "get") else None
    if isinstance(family, str) and family in KNOWN:
        return space_from(data)
    known_keys(where, data, _SPACE)
    given = dict(data)
    if given.pop("digest", None) is not None:
        return _by_digest(where, data)
    if given.pop("family", BLOCKS) != BLOCKS:
        raise FormatError(
            f"{where}: family must be {BLOCKS!r} or one of {', '.join(KNOWN)}, got {shown(family)}"
        )
    stages = given.get("stages")
    if not isinstance(stages, list):
        raise FormatError(f"{where}: stages must be a list of tables, got {shown(stages)}")
    given["stages"] = [_stage_from(f"{where}: stages[{k}]", one) for k, one in enumerate(stages)]
    for name in ("stem", "head"):
        if given.get(name) is not None:
            given[name] = _stage_from(f"{where}: {name}", given[name])
    inputs = given.get("input")
    if isinstance(inputs, list) and inputs and all(isinstance(one, list) for one in inputs):
        given["input"] = [tuple(one) for one in inputs]
    elif isinstance(inputs, list):
        given["input"] = tuple(inputs)
    with faults(where):
        return BlockSpace(**given)


def network_from_dict(kind: type[BlockNetwork], data: Any) -> BlockNetwork:
    """Return the network that plain data describe; every fault is a FormatError."""
    from ...base.plain import ANY, COUNT, TABLE, TEXT, fields, table_of

    where = "the network"
    checks = {"family": TEXT, "space": TABLE, "choices": table_of(COUNT), "blocks": ANY}
    told = fields(where, data, checks)
    space = _space_of(where, told["space"])
    if told["family"] != space.family:
        raise FormatError(f"{where}: its space is {space.family!r}, not {shown(told['family'])}")
    with faults(where):
        found = kind(space, told["choices"])
        blocks = found.to_dict()["blocks"]
    if told["blocks"] != blocks:
        raise FormatError(f"{where}: choices and blocks are not the same network")
    return found


def _space_of(where: str, data: Any) -> BlockSpace:
    """Return the space of a network's file: the same object for the same data."""
    text = json.dumps(data)  # in the order of its tables, by which networks are numbered
    known = _read.get(text)
    if known is None:
        known = _read[text] = from_dict(data, f"{where}'s space")
        while len(_read) > KEPT:
            _read.pop(next(iter(_read)))
    return known


def _by_digest(where: str, data: Mapping[str, Any]) -> BlockSpace:
    """Return a space of functions: one that this process has, or that is registered."""
    from ...base.registry import registered
    from .space import BlockSpace

    text = _text(data)
    if text in _live:
        return _live[text]
    name = data.get("name")
    thing: Any = registered("space", name) if isinstance(name, str) else None
    if callable(thing) and not isinstance(thing, BlockSpace):
        thing = thing()
    if isinstance(thing, BlockSpace) and _text(to_dict(thing)) == text:
        return thing
    raise FormatError(
        f"{where}, {shown(name)}, has blocks that are functions, which a file does not hold: pass "
        f"the "
        "space itself as space=, register it (flash.register('space', name, space)), or give its "
        "blocks "
        "names (flash.register('block', name, function))"
    )


def _stage_from(where: str, data: Any) -> Stage:
    known_keys(where, data, _STAGE)
    given = dict(data)
    options = _pairs(f"{where}: options", given.get("options"))
    given["options"] = {
        name: _option_from(f"{where}: options.{name}", one) for name, one in options
    }
    if len(given["options"]) < len(options):
        raise FormatError(f"{where}: options must have different names")
    with faults(where):
        return Stage(**given)


def _pairs(where: str, given: Any) -> list[tuple[str, Any]]:
    """Return options, or choices, by name and in their order: of a table, or of a list of tables
    with a name, of pairs, or of names."""
    if isinstance(given, dict):
        return list(given.items())
    if not isinstance(given, list):
        raise FormatError(f"{where} must be a table by name, or a list, got {shown(given)}")
    found = []
    for place, one in enumerate(given):
        if isinstance(one, str):
            pair: list[Any] = [one, one]
        elif isinstance(one, dict):
            pair = [one.get("name"), one]
        else:
            pair = list(one) if isinstance(one, (list, tuple)) else []
        if len(pair) != 2 or not isinstance(pair[0], str):
            raise FormatError(f"{where}[{place}] must have a name, got {shown(one)}")
        found.append((pair[0], pair[1]))
    return found


def _option_from(where: str, data: Any) -> Option | None:
    from ..known.blocks import block_of

    if data is None or isinstance(data, str):
        data = {"block": SKIP if data is None else data}
    known_keys(where, data, _OPTION)
    if data.get("block") == SKIP and not data.get("choices"):
        return None
    if "block" not in data:
        function = data.get("function")
        raise FormatError(
            f"{where} is the function {shown(function)}, which a file does not hold: pass the "
            f"space "
            "itself as space=, or give the block a name by flash.register('block', name, function)"
        )
    choices = dict(_pairs(f"{where}.choices", data.get("choices") or {}))
    found = block_of(where, data["block"])
    with faults(where):
        own = found.choices or {}
        chosen = choices if own.keys() <= choices.keys() else {**own, **choices}
        return Option(found.build, found.module, chosen, found.shape, found.metrics)
