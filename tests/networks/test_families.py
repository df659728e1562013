"""The four families against published counts and against formulas written out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash.networks.architecture import Architecture, Cell
from flash.networks.families import default_width, make_divisible, used_links
from flash.networks.network import Network

COUNTS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 6), st.integers(0, 60)), min_size=1, max_size=4
)
SIDES = st.sampled_from([1, 8, 32, 64, 65, 96, 224])


def half(side: int) -> int:
    return (side + 1) // 2


class Sum:
    """Parameters and MACs, added up convolution by convolution."""

    def __init__(self) -> None:
        self.params = self.macs = 0

    def conv(
        self, cin: int, cout: int, kernel: int, out_side: int, depthwise: bool = False
    ) -> None:
        weights = (1 if depthwise else cin) * cout * kernel**2
        self.params += weights
        self.macs += weights * out_side**2

    def norm(self, channels: int) -> None:
        self.params += 2 * channels

    def linear(self, cin: int, cout: int) -> None:
        self.params += cin * cout + cout
        self.macs += cin * cout


def check(arch: Architecture, total: Sum) -> None:
    assert (arch.params, arch.macs) == (total.params, total.macs)
    # A network survives its own table: every shape is checked again on the way.
    net = arch.network()
    assert Network.from_dict(net.to_dict()) == net


@settings(deadline=None)
@given(COUNTS, SIDES)
def test_densenet(cells: list[tuple[int, int, int]], side: int) -> None:
    arch = Architecture("densenet", [Cell(*cell) for cell in cells], side, 10)
    total = Sum()
    cin = 3
    if side > 64:
        cin = cells[0][0]
        side = half(side)
        total.conv(3, cin, 7, side)
        total.norm(cin)
        side = half(side)
    first = True
    for number, (width, depth, cap) in enumerate(cells):
        for layer in range(depth):
            if layer == 0 and number:
                side = half(side)
            links = min(cap, width * (layer - 1)) if layer >= 2 else 0
            if not (first and arch.resolution <= 64):
                total.norm(cin + links)
            total.conv(cin + links, width, 3, side)
            first, cin = False, width
    total.norm(cin)
    total.linear(cin, 10)
    check(arch, total)


@settings(deadline=None)
@given(COUNTS, SIDES, st.booleans())
def test_resnets(cells: list[tuple[int, int, int]], side: int, wide: bool) -> None:
    family = "wide-resnet" if wide else "resnet"
    arch = Architecture(family, [Cell(*cell) for cell in cells], side, 10)
    total = Sum()
    big = side > 64
    cin = (64 if big else 16) if wide else cells[0][0]
    side = half(side) if big else side
    total.conv(3, cin, 7 if big else 3, side)
    if not wide:
        total.norm(cin)
    side = half(side) if big else side
    for number, (width, depth, _) in enumerate(cells):
        side = half(side) if number else side
        for _ in range(depth):
            total.norm(cin if wide else width)
            total.conv(cin, width, 3, side)
            total.norm(width)
            total.conv(width, width, 3, side)
            cin = width
    if wide:
        total.norm(cin)
    total.linear(cin, 10)
    check(arch, total)


@settings(deadline=None)
@given(COUNTS, SIDES, st.lists(st.integers(1, 6), min_size=4, max_size=4))
def test_mobilenet_v2(cells: list[tuple[int, int, int]], side: int, expansions: list[int]) -> None:
    chosen = [Cell(*cell, e, 5) for cell, e in zip(cells, expansions, strict=False)]
    arch = Architecture("mobilenet-v2", chosen, side, 10)
    total = Sum()
    strides = (1, 2, 2, 2) if side > 64 else (1, 1, 2, 2)
    side = half(side) if side > 64 else side
    cin = 2 * cells[0][0]
    total.conv(3, cin, 3, side)
    total.norm(cin)
    for number, cell in enumerate(chosen):
        for block in range(cell.depth):
            hidden = cin * cell.expansion
            if cell.expansion > 1:
                total.conv(cin, hidden, 1, side)
                total.norm(hidden)
            if block == 0 and strides[number] == 2:
                side = half(side)
            total.conv(hidden, hidden, 5, side, depthwise=True)
            total.norm(hidden)
            total.conv(hidden, cell.width, 1, side)
            total.norm(cell.width)
            cin = cell.width
    head = max(1280, 4 * cin)
    total.conv(cin, head, 1, side)
    total.norm(head)
    total.linear(head, 10)
    check(arch, total)


def test_mobilenet_v2_as_published() -> None:
    """torchvision's mobilenet_v2: 3,504,872 parameters, 300.77 million MACs."""
    widths = (16, 24, 32, 64, 96, 160, 320)
    repeats = (1, 2, 3, 4, 3, 3, 1)
    cells = [
        Cell(width, depth, width, 1 if number == 0 else 6)
        for number, (width, depth) in enumerate(zip(widths, repeats, strict=True))
    ]
    arch = Architecture("mobilenet-v2", cells, 224, 1000)
    assert (arch.params, arch.macs) == (3_504_872, 300_774_272)
    adds = [layer for layer in arch.network().layers if layer.kind == "add"]
    assert len(adds) == 10
    assert all(layer.channels is None for layer in adds)


def test_resnet20_as_published() -> None:
    """ResNet-20 for CIFAR-10 with parameter-free shortcuts: 269,722 parameters."""
    arch = Architecture("resnet", [Cell(16, 3, 16), Cell(32, 3, 32), Cell(64, 3, 64)])
    assert arch.params == 269_722


def test_resnet18_as_published() -> None:
    """torchvision's resnet18 (11,689,512) without its three projection shortcuts."""
    arch = Architecture("resnet", [Cell(64 << k, 2, 64 << k) for k in range(4)], 224, 1000)
    shortcuts = sum(cin * 2 * cin + 4 * cin for cin in (64, 128, 256))
    assert arch.params == 11_689_512 - shortcuts


def test_wide_resnet_28_10_as_published() -> None:
    """WRN-28-10 (36,479,194 parameters) without its three projection shortcuts."""
    arch = Architecture("wide-resnet", [Cell(160 << k, 4, 160 << k) for k in range(3)])
    assert arch.params == 36_479_194 - (16 * 160 + 160 * 320 + 320 * 640)


def test_dtc_44() -> None:
    """A DenseNet-type network simulated for this project: 25 layers, weights and MACs."""
    arch = Architecture("densenet", [Cell(16, 5, 48), Cell(32, 11, 16), Cell(64, 8, 16)])
    layers = arch.network().layers
    assert sum(layer.weights for layer in layers) == 494_128
    assert arch.macs == 80_659_072
    assert sum(layer.kind in ("conv", "linear") for layer in layers) == 25


@pytest.mark.parametrize("family", ["resnet", "wide-resnet", "mobilenet-v2"])
def test_where_residuals_are(family: str) -> None:
    """On every block of stride 1 whose widths agree, with as many channels as asked."""
    arch = Architecture(family, [Cell(16, 3, 5), Cell(16, 3, 16), Cell(24, 2, 99)])
    adds = [layer for layer in arch.network().layers if layer.kind == "add"]
    entered = {"resnet": 16, "wide-resnet": 16, "mobilenet-v2": 32}[family]
    in_first = 3 if entered == 16 else 2
    in_second = 3 if family == "mobilenet-v2" else 2  # its second stage has stride 1 here
    assert [layer.cell for layer in adds] == [0] * in_first + [1] * in_second + [2]
    assert {layer.channels for layer in adds if layer.cell == 0} == {5}
    assert {layer.channels for layer in adds if layer.cell} == {None}


def test_no_skips_no_adds() -> None:
    for family in ("resnet", "wide-resnet", "mobilenet-v2"):
        layers = Architecture(family, [Cell(16, 3), Cell(32, 3)]).network().layers
        assert not any(layer.kind in ("add", "concat") for layer in layers)
    assert not any(
        layer.kind == "concat" for layer in Architecture("densenet", [Cell(16, 9)]).network().layers
    )


def test_activation_after_the_add() -> None:
    layers = Architecture("resnet", [Cell(16, 2, 16)]).network().layers
    assert [layer.activation for layer in layers[1:4]] == ["relu", None, "relu"]
    layers = Architecture("resnet", [Cell(16, 2)]).network().layers
    assert [layer.activation for layer in layers[1:3]] == ["relu", "relu"]


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 40), st.integers(0, 3000))
def test_used_links(width: int, depth: int, cap: int) -> None:
    assert used_links(width, depth, cap) == sum(
        min(cap, width * (layer - 1)) for layer in range(2, depth)
    )


def test_default_widths() -> None:
    assert [default_width("densenet", 3, k, False) for k in range(3)] == [48, 96, 192]
    assert [default_width("densenet", 1, k, True) for k in range(4)] == [32, 64, 128, 256]
    assert [default_width("resnet", 0.5, k, True) for k in range(4)] == [32, 64, 128, 256]
    assert default_width("wide-resnet", 0.001, 0, False) == 1
    assert [default_width("mobilenet-v2", 1.0, k, True) for k in range(7)] == [
        16, 24, 32, 64, 96, 160, 320,
    ]  # fmt: skip
    # Half of 24 is 12, which rounds to 16; 0.35 of 32 is 11.2, where 8 would lose more than 10 %.
    assert make_divisible(12) == 16
    assert make_divisible(11.2) == 16
    assert make_divisible(3) == 8
