"""Nesterov's momentum on processors, bit for bit that of ``torch.optim.SGD``.

Every optimizer of torch imports torch's compiler when it is made, which takes nearly as long as
torch itself: as much again at the start of each process that trains. What is kept of it has the
form of torch's, so that a checkpoint goes on with either.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["Momentum"]


class Momentum:
    """Gradient descent with Nesterov's momentum (plain where that is 0) and decay of weights.

    Parameters
    ----------
    groups : list of dict
        Each with "params", tensors in the memory of the processor, and their "weight_decay".
    rate : float
        The learning rate; later that of each group's "lr".
    momentum : float
        In [0, 1).
    """

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float, momentum: float) -> None:
        beside: dict[str, Any] = {
            "lr": rate,
            "momentum": momentum,
            "dampening": 0,
            "nesterov": momentum > 0,
            "maximize": False,
            "foreach": None,
            "differentiable": False,
            "fused": None,
        }
        self.param_groups: list[dict[str, Any]] = [{**beside, **group} for group in groups]
        self._all: list[Any] = [one for group in self.param_groups for one in group["params"]]
        self._buffers: dict[int, Any] = {}  # by the number of the parameter, as torch counts them

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients."""
        for one in self._all:
            one.grad = None

    def step(self) -> None:
        """Move the parameters that have a gradient."""
        import torch

        number = 0
        with torch.no_grad():
            for group in self.param_groups:
                for one in group["params"]:
                    if one.grad is not None:
                        self._move(number, one, one.grad, group)
                    number += 1

    def _move(self, number: int, one: Any, grad: Any, group: dict[str, Any]) -> None:
        decay, momentum = group["weight_decay"], group["momentum"]
        if decay != 0:
            grad = grad.add(one, alpha=decay)
        if momentum != 0:
            buffer = self._buffers.get(number)
            if buffer is None:
                buffer = self._buffers[number] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1)
            grad = grad.add(buffer, alpha=momentum)
        one.add_(grad, alpha=-group["lr"])

    def state_dict(self) -> dict[str, Any]:
        """Return what it knows, as ``torch.optim.SGD`` has it."""
        groups, number = [], 0
        for group in self.param_groups:
            count = len(group["params"])
            groups.append({**group, "params": list(range(number, number + count))})
            number += count
        state = {k: {"momentum_buffer": one} for k, one in sorted(self._buffers.items())}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` or that of ``torch.optim.SGD`` returned.

        Raises
        ------
        ValueError
            If it is of other groups of parameters.
        """
        saved = state["param_groups"]
        if [len(one["params"]) for one in saved] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError("the state is of other groups of parameters")
        numbers = [number for one in saved for number in one["params"]]
        for own, one in zip(self.param_groups, saved, strict=True):
            own.update({key: value for key, value in one.items() if key != "params"})
        self._buffers = {}
        for number, (name, one) in enumerate(zip(numbers, self._all, strict=True)):
            buffer = state["state"].get(name, {}).get("momentum_buffer")
            if buffer is not None:
                self._buffers[number] = buffer.detach().clone().to(one)
