"""Random small spaces of blocks: of layer rows, and of torch modules."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

import flash
from flash.errors import ArgumentError
from flash.networks.network import Network

ROWS = ("plain", "residual", "gated", "joined", "pooled", "opened", "bare")
REFUSED = ("beside skip", "every stage can be skipped")  # spaces that are none
TORCH = ("t_plain", "t_residual", "t_normed", "t_joined", "t_dense")


def conv(into: int, out: int, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "in_channels": into, "out_channels": out, "kernel": 1, **more}


def plain(into: int, out: int, stride: int, *, kernel=(1, 3), activation=("relu", None)):
    return [conv(into, out, kernel=kernel, stride=stride, norm=True, activation=activation)]


def residual(into: int, out: int, stride: int, *, wider=(1, 2)):
    rows = [conv(into, out, kernel=3, stride=stride, norm=True, activation="relu", inputs=[-1])]
    rows.append(conv(out, out * wider, kernel=3, groups=out, bias=True, inputs=[0]))
    rows.append(conv(out * wider, out, inputs=[1]))
    source = -1 if stride == 1 and into == out else 0
    rows.append({"kind": "add", "in_channels": out, "out_channels": out, "inputs": [2, source]})
    return rows


def gated(into: int, out: int, stride: int):
    rows = [conv(into, out, kernel=3, stride=stride, activation="silu", inputs=[-1])]
    pool = {"kind": "pool", "in_channels": out, "out_channels": out, "mode": "global_avg"}
    rows.append({**pool, "inputs": [0]})
    rows.append(conv(out, out, activation="hardsigmoid", bias=True, inputs=[1]))
    rows.append({"kind": "mul", "in_channels": out, "out_channels": out, "inputs": [0, 2]})
    return rows


def joined(into: int, out: int, stride: int):
    """A concatenation, whose cells no architecture has."""
    half = max(1, out // 2)
    if half == out:
        return plain(into, out, stride, kernel=1, activation=None)
    rows = [conv(into, half, stride=stride, inputs=[-1])]
    rows.append(conv(half, out - half, kernel=3, inputs=[0]))
    rows.append({"kind": "concat", "in_channels": out, "out_channels": out, "inputs": [0, 1]})
    return rows


def pooled(into: int, out: int, stride: int, *, mode=("avg", "max")):
    pool = {"kind": "pool", "in_channels": into, "out_channels": into, "kernel": 3, "mode": mode}
    return [{**pool, "stride": stride}, conv(into, out, bias=True)]


def opened(into: int, out: int, stride: int):
    """A norm before the convolution: its cost depends on what stands before."""
    return [conv(into, out, kernel=3, stride=stride, norm="input", inputs=[-1])]


def bare(into: int, out: int, stride: int, *, shape):
    """A network of another making."""
    last = {"kind": "act", "in_channels": out, "out_channels": out, "activation": "gelu"}
    rows = [conv(into, out, stride=stride, padding=0), last]
    return Network.from_layers(rows, shape)


def classifier(into: int, out: int, stride: int, *, hidden=(False, True)):
    rows: list[dict[str, Any]] = [
        {"kind": "pool", "in_channels": into, "out_channels": into, "mode": "global_avg"}
    ]
    if hidden:
        more = {"kind": "linear", "in_channels": into, "activation": "relu"}
        rows.append({**more, "out_channels": 5})
    return [*rows, {"kind": "linear", "in_channels": 5 if hidden else into, "out_channels": out}]


def t_plain(into: int, out: int, stride: int, *, kernel=(1, 3)):
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )


def t_residual(into: int, out: int, stride: int):
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(into, out, 3, stride, 1)
            self.second = nn.Conv2d(out, out, 3, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.first(x))
            return self.second(y) + (x if x.shape == y.shape else y)

    return Block()


def t_joined(into: int, out: int, stride: int):
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(into, out // 2, 1, stride)
            self.second = nn.Conv2d(into, out - out // 2, 3, stride, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([torch.relu(self.first(x)), self.second(x)], 1)

    return Block()


def t_dense(into: int, out: int, stride: int):
    """The input with more channels, where it can be."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.joins = out > into and stride == 1
            self.conv = nn.Conv2d(into, out - into if self.joins else out, 3, stride, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return torch.cat([x, y], 1) if self.joins else y

    return Block()


def t_normed(into: int, out: int, stride: int):
    from torch import nn

    return nn.Sequential(nn.BatchNorm2d(into), nn.ReLU(), nn.Conv2d(into, out, 3, stride, 1))


def option(name: str) -> Any:
    found = globals()[name]
    return flash.Option(found, shape=True) if name == "bare" else found


@st.composite
def stages(draw: Any, number: int, torch: bool) -> flash.Stage:
    names = draw(
        st.lists(
            st.sampled_from(ROWS + TORCH if torch else ROWS), min_size=1, max_size=3, unique=True
        )
    )
    options: dict[str, Any] = {name: option(name) for name in names}
    if draw(st.booleans()):
        options["skip"] = None
    widths = draw(
        st.one_of(
            st.none(),
            st.lists(st.sampled_from([2, 3, 4, 8]), min_size=1, max_size=2, unique=True),
        )
    )
    repeats = draw(st.sampled_from([1, 1, 2, (1, 2), (2, 1), flash.Range(1, 3), (1, 3)]))
    shared = draw(st.booleans())
    cell = draw(st.sampled_from([None, "stage", None if shared else "block"]))
    return flash.Stage(
        options,
        widths,
        repeats,
        draw(st.sampled_from([1, 1, 2])),
        shared,
        cell,
        f"s{number}" if draw(st.booleans()) else None,
    )


@st.composite
def spaces(draw: Any, *, torch: bool = False, most: int = 3_000) -> flash.BlockSpace:
    """Spaces of at most so many networks."""
    given = [draw(stages(number, torch)) for number in range(draw(st.integers(1, 3)))]
    inputs: Any = draw(
        st.sampled_from([(3, 8, 8), (3, 9, 7), [(3, 8, 8), (3, 12, 12)], [(3, 8, 8), (3, 8, 12)]])
    )
    stem = draw(st.sampled_from([None, plain if not torch else t_plain]))
    head = draw(st.sampled_from([None, classifier]))
    try:
        space = flash.BlockSpace(
            given, inputs, stem, head, 4, name="random", bits=draw(st.sampled_from([32, 8]))
        )
    except ArgumentError as error:
        assume(not any(text in str(error) for text in REFUSED))
        raise
    assume(space.size <= most)
    return space
