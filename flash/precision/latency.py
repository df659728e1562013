"""What a target takes for each layer of a torch module at each number of bits. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..base.checks import shown
from ..errors import ArgumentError
from ..hardware.target import Target
from ..networks.layer import Layer
from ..networks.network import Network
from .groups import Group, copied, groups_of, opened

__all__ = ["latencies_of"]

PLACES = 9  # of milliseconds: below what the core tells apart, and sums of them are exact


def latencies_of(
    module: Any, input_shape: tuple[int, ...], target: Target, layers: tuple[str, ...],
    bits: tuple[int, ...],
) -> dict[str, dict[int, float]]:  # fmt: skip
    """Return milliseconds by layer and bits: see `Sensitivities.latencies`."""
    parameters = target.parameters or {}
    if target.kind != "fpga":
        raise ArgumentError(
            "target must be one whose layers take bits of their own, an FPGA, got "
            f"{target.name!r} of kind {target.kind!r}: pass latencies that you have to problem()"
        )
    groups, _ = groups_of(opened(module))
    known = {group.name: group for group in groups}
    for name in layers:
        if name not in known:
            raise ArgumentError(
                f"module must be the one that was measured, got a {type(module).__name__} without "
                f"the layer {name!r}"
            )
    calls = _calls(copied(opened(module)), input_shape, [known[name] for name in layers])
    found: dict[str, dict[int, float]] = {name: {} for name in layers}
    for b in bits:
        own = target.replace(parameters={**parameters, "bits": b})
        for name in layers:
            found[name][b] = round(sum(own.cost(net).latency_ms for net in calls[name]), PLACES)
    return found


def _calls(module: Any, input_shape: tuple[int, ...], groups: list[Group]) -> dict[str, list[Any]]:
    """Return each layer's calls for one sample, each as a network of one row."""
    found: dict[str, list[Any]] = {group.name: [] for group in groups}
    hooks = []
    for group in groups:
        for path in (group.path, *(path for path, _ in group.tied)):
            layer = module.get_submodule(path)
            if not isinstance(layer, (nn.Conv2d, nn.Linear)):
                raise ArgumentError(
                    f"module: what a target takes for {group.name!r}, a {type(layer).__name__}, is "
                    "not known; 2-d convolutions and linear layers are: pass latencies that you "
                    "have to problem()"
                )
            hooks.append(layer.register_forward_hook(_hook(found[group.name], group.name)))
    some = next(module.parameters())
    image = torch.zeros((1, *input_shape), dtype=some.dtype, device=some.device)
    try:
        with torch.no_grad():
            module.eval()(image)
    except ArgumentError:
        raise
    except Exception as error:  # whatever a module raises
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise ArgumentError(
            f"input_shape: {type(module).__name__} refuses one sample of {input_shape}: "
            f"{type(error).__name__}: {first}"
        ) from error
    finally:
        for one in hooks:
            one.remove()
    for name, nets in found.items():
        if not nets:
            raise ArgumentError(f"module: {name!r} is not called, so what it takes is not known")
    return found


def _hook(found: list[Any], name: str) -> Any:
    def hook(layer: Any, given: Any, output: Any) -> None:
        (x,) = given
        if isinstance(layer, nn.Linear):
            positions = x.numel() // layer.in_features
            row = Layer("conv", layer.in_features, layer.out_features, positions, 1)
        else:
            if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
                padding: Any = None
                if layer.padding == "valid":
                    padding = 0
                elif layer.padding_mode == "zeros" and any(k % 2 == 0 for k in layer.kernel_size):
                    raise ArgumentError(
                        f"module: {name!r} pads an even kernel unevenly, which is not known here"
                    )
            else:
                padding = list(layer.padding)
            row = Layer(
                "conv", layer.in_channels, layer.out_channels, x.shape[-2], x.shape[-1],
                list(layer.kernel_size), list(layer.stride), layer.groups, padding,
                dilation=list(layer.dilation),
            )  # fmt: skip
            if (row.out_height, row.out_width) != tuple(output.shape[-2:]):
                raise ArgumentError(
                    f"module: {name!r} writes {tuple(output.shape[-2:])} positions where "
                    f"{(row.out_height, row.out_width)} were expected, {shown(layer)}"
                )
        found.append(Network([row], (row.in_channels, row.height, row.width)))

    return hook
