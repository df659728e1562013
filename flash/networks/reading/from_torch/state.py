"""What a torch module holds besides weights: seen before a run, and put back after it.

A forward may keep what it makes (grids, anchors, a count of calls); in a run on the meta device
these are no values, and the module would fail from then on. Imports torch.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["State", "refuse_compiled"]

MAX_OBJECTS = 100_000
_NO_STATE = (
    *(type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, torch.dtype),
    *(str, bytes, int, float, bool, type(None), torch.device),
)
_HOOKS = frozenset(name for name in nn.Module().__dict__ if name.startswith("_") and "hook" in name)


class State:
    """What a module, its parts and what they refer to hold.

    Attributes
    ----------
    constants : dict of int to Tensor
        Tensors that are neither parameters nor buffers, by id.
    """

    def __init__(self, module: nn.Module) -> None:
        self.constants: dict[int, Tensor] = {}
        self._kept: list[tuple[Any, Any]] = []  # a table, list or set, and its copy
        self._modes = [
            (part, part.training) for part in module.modules() if hasattr(part, "training")
        ]
        self._random = torch.get_rng_state()
        seen: set[int] = set()
        waiting: list[Any] = [module]
        while waiting and len(seen) < MAX_OBJECTS:
            one = waiting.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if isinstance(one, Tensor):
                self.constants[id(one)] = one
                continue
            waiting += [more for more in self._held(one) if not isinstance(more, _NO_STATE)]

    def _held(self, one: Any) -> Iterable[Any]:
        """Keep what an object holds, and return it."""
        if isinstance(one, (dict, list, set)):
            if one or not isinstance(one, nn.Module):
                self._kept.append((one, one.copy()))
            return list(one.values() if isinstance(one, dict) else one)
        if isinstance(one, tuple):
            return one
        fields = getattr(one, "__dict__", None)
        if type(fields) is not dict:
            return ()
        self._kept.append((fields, fields.copy()))
        if isinstance(one, nn.Module):
            return [more for name, more in fields.items() if name not in _HOOKS or more]
        return list(fields.values())

    def evaluate(self) -> None:
        """Set all parts to evaluation; no method of theirs is called, which may do more."""
        for part, training in self._modes:
            if training:
                part.training = False

    def restore(self) -> None:
        """Put everything back that has changed."""
        for now, before in self._kept:
            if isinstance(now, dict):
                same = now.keys() == before.keys() and all(now[k] is before[k] for k in now)
            elif isinstance(now, list):
                same = len(now) == len(before) and all(map(_is, now, before))
            else:
                same = now == before
            if same:
                continue
            now.clear()
            (now.extend if isinstance(now, list) else now.update)(before)
        for part, training in self._modes:
            if part.training != training:
                part.training = training
        torch.set_rng_state(self._random)


def _is(one: Any, other: Any) -> bool:
    return one is other


def refuse_compiled(module: nn.Module) -> str | None:
    """Return what of a module is scripted or exported, so that its functions are not seen."""
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            made = "traced" if "Traced" in type(part).__name__ else "scripted"
            return f"{f'its part {name!r} ' if name else ''}is {made} by torch.jit"
        if isinstance(part, torch.fx.GraphModule) and _is_exported(part):
            return f"{f'its part {name!r} ' if name else ''}is exported by torch.export"
    return None


def _is_exported(module: nn.Module) -> bool:
    """Whether its calls are those of torch's own operators, not of its functions."""
    graph = getattr(module, "graph", None)
    overloads = (torch._ops.OpOverload, torch._ops.HigherOrderOperator)
    return graph is not None and any(
        node.op == "call_function" and isinstance(node.target, overloads) for node in graph.nodes
    )
