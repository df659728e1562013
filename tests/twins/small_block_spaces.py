"""Small spaces of blocks, told by layer rows, and all of their networks one by one."""

from __future__ import annotations

from functools import cache
from typing import Any

import flash
from flash import BlockSpace, Stage

Rows = list[dict[str, Any]]


def conv(out_channels: int, kernel: int = 1, stride: int = 1, **more: Any) -> dict[str, Any]:
    told = {"kernel": kernel, "stride": stride, "padding": kernel // 2, "norm": "output"}
    return {"kind": "conv", "out_channels": out_channels, **told, **more}


def mb(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    kernel: Any = (3, 5),
    expansion: Any = (1, 2),
) -> Rows:
    """A block as MobileNets have it: wide, depthwise, narrow; added where shapes allow."""
    wide = in_channels * expansion
    rows = [
        conv(wide, activation="relu", inputs=(-1,)),
        conv(wide, kernel, stride, groups=wide, activation="relu"),
        conv(out_channels),
    ]
    if stride == 1 and in_channels == out_channels:
        rows.append({"kind": "add", "inputs": (-1, 2)})
    return rows


def plain(in_channels: int, out_channels: int, stride: int, *, act: Any = ("relu", "gelu")) -> Rows:
    return [conv(out_channels, 3, stride, activation=act)]


def stem(in_channels: int, out_channels: int, stride: int) -> Rows:
    return [conv(out_channels, 3, stride, activation="relu")]


def head(in_channels: int, out_channels: int, stride: int) -> Rows:
    return [
        conv(32, activation="relu"),
        {"kind": "pool", "mode": "global_avg"},
        {"kind": "linear", "out_channels": out_channels, "bias": True},
    ]


def of_stages(**given: Any) -> BlockSpace:
    """Whole stages as cells, widths handed on, skip, repeats, one stage with a shared choice."""
    stages = [
        Stage({"mb": mb, "plain": plain, "none": None}, [8, 16], [1, 2], stride=2, name="a"),
        Stage({"mb": mb, "plain": plain}, [16, 24], [1, 2, 3], shared=True, stride=2, name="b"),
    ]
    ends: dict[str, Any] = {"stem": Stage(stem, 8, stride=2, name="stem"), "head": head}
    told = {"input": (3, 32, 32), "num_classes": 10, "name": "of-stages", **ends, **given}
    return BlockSpace(stages, **told)


def of_blocks(**given: Any) -> BlockSpace:
    """Blocks as cells: widths and repeats are global, and several blocks lie in one table."""
    stages = [
        Stage({"mb": mb, "none": None}, [8, 16], [2, 3], stride=2, cell="block", name="a"),
        Stage({"plain": plain, "mb": flash.Option(mb, choices={"kernel": 3})}, 16, 1, name="b"),
    ]
    ends: dict[str, Any] = {"stem": Stage(stem, 8, stride=2, name="stem"), "head": head}
    told = {"input": (3, 16, 16), "num_classes": 5, "name": "of-blocks", **ends, **given}
    return BlockSpace(stages, **told)


def of_sizes() -> BlockSpace:
    """Several inputs and width multipliers."""
    stages = [
        Stage({"mb": mb, "none": None}, 16, [1, 2], stride=2, name="a"),
        Stage(plain, [16, 32], 1, stride=2, name="b"),
    ]
    return BlockSpace(
        stages,
        input=[(3, 16, 16), (3, 24, 24)],
        stem=Stage(stem, 16, name="stem"),
        head=head,
        num_classes=5,
        name="of-sizes",
        width_multipliers=(0.5, 1),
    )


MAKERS = {"of-stages": of_stages, "of-blocks": of_blocks, "of-sizes": of_sizes}


@cache
def space_of(name: str) -> BlockSpace:
    return MAKERS[name]()


@cache
def networks_of(name: str) -> list[flash.BlockNetwork]:
    space = space_of(name)
    return [space.decode(index) for index in range(space.size)]


@cache
def costs_of(name: str, target: str) -> list[dict[str, float]]:
    """What each network costs, by the layer rows of the network alone."""
    device = flash.Target.load(target)
    found = []
    for one in networks_of(name):
        cost = device.cost(one)
        told = {key: getattr(cost, key) for key in device.metrics}
        told |= {"params": float(one.params), "macs": float(one.macs)}
        told |= {"nn_degree": flash.nn_degree(one), "memory_kib": one.peak_memory_kib}
        told["weights_kib"] = one.weights_kib
        found.append(told)
    return found


def choices_of(network: flash.BlockNetwork) -> dict[str, Any]:
    """Return what conditions call a network's choices; a block that is not there has none."""
    space, found = network.space, dict[str, Any]()
    depths: dict[str, int] = {}
    for name, digit in zip(space.variables, network.row, strict=True):
        value = space.choices_of(name)[digit]
        kind, _, rest = name.partition("_")
        if kind != "block":
            found[name] = value
            depths[rest] = value if kind == "depth" else depths.get(rest, 0)
            continue
        stage, _, place = rest.partition("_")
        there = not place or int(place) < found.get(f"depth_{stage}", 1 << 20)
        found[name] = value if there else ""
        words = value.split() if there else [""]
        found[f"option_{rest}"] = words[0]
        for key, said in zip(words[1::2], words[2::2], strict=True):
            found[f"{key}_{rest}"] = int(said) if said.isdigit() else said
    return found
