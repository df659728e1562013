"""PNASCells and CellNetwork: the cells of PNAS, what is equal among them, and their networks."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.networks.cell_networks import (
    OPERATORS,
    PNASNET_5,
    CellNetwork,
    canonical,
    canonical_codes,
)
from flash.spaces.pnas import PNASCells

np = pytest.importorskip("numpy")


def orders(codes: Any) -> set[Any]:
    """Return all ways to write a cell: the obvious twin of `canonical_codes`."""
    found = set()
    count = len(codes)
    for order in itertools.permutations(range(count)):
        place = {0: 0, 1: 1} | {old + 2: new + 2 for new, old in enumerate(order)}
        blocks = []
        for new, old in enumerate(order):
            pair = [8 * place[code >> 3] + (code & 7) for code in codes[old]]
            if max(pair) >> 3 >= new + 2:
                break
            blocks.append(tuple(sorted(pair)))
        else:
            found.add(tuple(blocks))
    return found


def test_size() -> None:
    assert PNASCells().size == 556_627_761_561_600 == 4 * 9 * 16 * 25 * 36 * 64**5
    assert PNASCells(blocks=[1, 2]).size == 256 + 256 * 576


def test_one_block_has_136_different_cells() -> None:
    space = PNASCells(1)
    rows = np.array([space.row(i) for i in range(space.size)])
    kept = {tuple(row) for row in space.canonical(rows).tolist()}
    assert (space.size, len(kept)) == (256, 136)


def test_two_blocks_by_brute_force() -> None:
    """All 147,456: equal cells, and only these, have the same form."""
    forms: dict[Any, Any] = {}
    firsts, seconds = range(16), range(24)
    for a, b in itertools.product(firsts, firsts):
        for c, d in itertools.product(seconds, seconds):
            form = canonical_codes(((a, b), (c, d)))
            first, second = tuple(sorted((a, b))), tuple(sorted((c, d)))
            alike = [(first, second)]
            if second[1] < 16:  # does not read the first block: the two may change places
                alike.append((second, first))
            assert form in alike
            assert forms.setdefault(min(alike), form) == form
    # 136 * 137 / 2 pairs of independent blocks; 136 blocks with one of the 300 - 136 that read them
    assert len(forms) == len(set(forms.values())) == 136 * 137 // 2 + 136 * 164 == 31_620


def test_the_form_of_larger_cells() -> None:
    space = PNASCells([3, 4, 5])
    for i in space.sample_indices(60, seed=3):
        codes = space.codes(space.row(i))
        every = orders(codes)
        assert canonical_codes(codes) == min(every)
        assert {canonical_codes(one) for one in every} == {min(every)}


def test_twins_that_others_read() -> None:
    """Three alike blocks: who reads which of them tells cells apart, their order does not."""
    one = (0, 3)
    cells = [
        ((one, one, one, (16, 24))),
        ((one, one, one, (24, 32))),
        ((one, one, one, (16, 16))),
    ]
    forms = [canonical_codes(cell) for cell in cells]
    assert forms[0] == forms[1] != forms[2]


def test_indices_rows_and_names() -> None:
    space = PNASCells([2, 5], filters=8)
    picked = [0, 1, space._cells[0] - 1, space._cells[0], space.size - 1]
    for i in [*picked, *space.sample_indices(50, seed=1)]:
        row = space.row(i)
        assert space.index(row) == i
        assert space.parse(space.name(row)) == row == space.encode(space.decode(row))
        assert all(0 <= value <= high for value, (_, high) in zip(row, space.bounds, strict=True))
    assert space.row([0, *[1] * 20]) == (0, *[1] * 8, *[0] * 12)
    assert len(set(space.sample(100))) == 100


def test_steps_are_rows_but_no_members() -> None:
    space = PNASCells([2, 4])
    row = space.row_of(((0, 9), (1, 16), (2, 24)))
    assert row == (3, 0, 1, 0, 1, 0, 2, 1, 0, 0, 3, 2, 0, 0, 0, 0, 0)
    assert len(space.decode(row).blocks) == 3
    assert space.canonical(np.array([row])).tolist() == [list(row)]
    inside = space.encode(space.decode(0))
    assert space.is_member(np.array([row, inside])).tolist() == [False, True]
    with pytest.raises(ArgumentError, match=r"blocks must be one of \[2, 4\], got 3"):
        space.index(row)
    with pytest.raises(ArgumentError, match="choice index of blocks"):
        space.row([4, *row[1:]])
    with pytest.raises(ArgumentError, match="got 3"):
        space.encode(space.decode(row))


def test_pnasnet_5_goes_through_everything() -> None:
    space = PNASCells()
    net = CellNetwork(PNASNET_5)
    row = space.encode(net)
    assert space.decode(row) == space.decode(space.index(row)) == net
    assert CellNetwork.from_json(net.to_json()) == CellNetwork.from_dict(net.to_dict()) == net
    form = net.canonical()
    assert form != net
    assert form.canonical() == form
    assert (form.params, form.macs) == (net.params, net.macs)
    assert sorted(op for block in form.blocks for op in block[2:]) == sorted(
        op for block in PNASNET_5 for op in block[2:]
    )


class Official:
    """Variables and MACs of the released code (tensorflow/models, pnasnet.py and nasnet_utils.py),
    counted as that builds its graph; nothing of flash."""

    OPERATIONS = ("5", "max", "7", "max", "5", "3", "3", "max", "3", "none")
    STATES = (1, 1, 0, 0, 0, 0, 4, 0, 1, 0)  # 0: the previous cell, 1: the one before it

    def __init__(self, filters: int, cells: int, size: int, multiplier: int) -> None:
        self.params = self.macs = 0
        self.ends: list[tuple[int, int]] = []  # of each cell after the stem: side, channels
        reductions = [int(k / 3 * cells) for k in (1, 2)]
        side = (size - 3) // 2 + 1  # VALID
        stem = 32 * multiplier
        self.conv(3, stem, 3, side)
        outputs, net = [None, (side, stem)], (side, stem)
        scaling = 0.25
        for cell in range(-2, cells):
            stride = 2 if cell < 0 or cell in reductions else 1
            if cell in (-1, *reductions):
                scaling *= 2
            elif cell == 0:
                scaling = 1.0
            net = self.cell(net, outputs[-2], int(filters * scaling), stride)
            outputs.append(net)
            if cell >= 0:
                self.ends.append(net)
        self.params += net[1] * 1000 + 1000
        self.macs += net[1] * 1000

    def conv(self, into: int, out: int, kernel: int, side: int) -> None:
        self.params += kernel**2 * into * out + 2 * out
        self.macs += kernel**2 * into * out * side**2

    def separable(self, into: int, out: int, kernel: int, side: int) -> None:
        self.params += kernel**2 * into
        self.macs += kernel**2 * into * side**2
        self.conv(into, out, 1, side)

    def cell(self, net: Any, prev: Any, filters: int, stride: int) -> tuple[int, int]:
        side = net[0]
        if prev is None:
            prev = net
        elif prev[0] != side:  # two paths, the odd filter in the second
            for part in (filters // 2, filters - filters // 2):
                self.conv(prev[1], part, 1, side)
            prev = (side, filters)
        elif prev[1] != filters:
            self.conv(prev[1], filters, 1, side)
            prev = (side, filters)
        self.conv(net[1], filters, 1, side)
        states = [(side, filters), prev]
        after = -(-side // stride)
        for block in range(5):
            for half in (0, 1):
                state = self.STATES[2 * block + half]
                operation = self.OPERATIONS[2 * block + half]
                into = states[state][1]
                if operation.isdigit():
                    self.separable(into, filters, int(operation), after)
                    self.separable(filters, filters, int(operation), after)
                elif into != filters or (operation == "none" and stride > 1 and state < 2):
                    self.conv(into, filters, 1, after)
            states.append((after, filters))
        return after, 5 * filters


def test_the_sizes_of_the_released_networks() -> None:
    """Parameters and MACs to the digit; published: 86.1 M and 25.0 G, 5.1 M and 588 M."""
    large, mobile = CellNetwork.pnasnet5("large"), CellNetwork.pnasnet5("mobile")
    # of the released weights of large; of mobile, those that the code has variables for
    assert (large.params, large.macs) == (86_057_668, 24_937_395_792)
    assert (mobile.params, mobile.macs) == (5_064_487, 587_293_200)
    for net, twin in (
        (large, Official(216, 12, 331, 3)),
        (mobile, Official(54, 9, 224, 1)),
    ):
        assert (net.params, net.macs) == (twin.params, twin.macs)
        cells: dict[int, Any] = {}
        for row in net.network().layers:
            if row.kind == "concat" and row.cell is not None:
                cells[row.cell] = (row.out_height, row.out_channels)  # a cell's last one
        assert [cells[number] for number in range(2, 2 + len(twin.ends))] == twin.ends
        plain = net.replace(factorised=False)
        assert (plain.params, plain.macs) == (net.params, net.macs)
    # what the released code's own test wants
    assert Official(54, 9, 224, 1).ends == [(28, 270)] * 3 + [(14, 540)] * 3 + [(7, 1080)] * 3
    small = CellNetwork.pnasnet5("cifar")
    assert round(small.params / 1e6, 1) == 3.2  # N=3, F=48 (the paper)
    assert CellNetwork.pnasnet5("proxy") == CellNetwork(PNASNET_5)


def test_presets() -> None:
    for size in ("large", "mobile", "cifar", "proxy"):
        space, net = PNASCells.preset(size), CellNetwork.pnasnet5(size)
        assert space.decode(space.encode(net)) == net
        assert space.parse(space.name(space.encode(net))) == space.encode(net)
        assert PNASCells.from_dict(json.loads(json.dumps(space.to_dict()))) == space
        assert CellNetwork.from_json(net.to_json()) == net
    assert PNASCells.preset("proxy") == PNASCells()
    assert PNASCells.preset("mobile", [2, 3]).blocks == (2, 3)
    # files of networks without the two further fields are as they were
    assert set(PNASCells().to_dict()) == {
        *("family", "blocks", "repeats", "filters", "resolution", "num_classes")
    }
    with pytest.raises(ArgumentError, match=r"size must be one of .*'mobile'.* 'mobil'"):
        PNASCells.preset("mobil")
    with pytest.raises(ArgumentError, match="size must be one of"):
        CellNetwork.pnasnet5("huge")
    with pytest.raises(ArgumentError, match="stem must be an integer from 1"):
        PNASCells(stem=0)
    with pytest.raises(ArgumentTypeError, match="factorised must be True or False"):
        CellNetwork(PNASNET_5, factorised=1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="factorised of the space is True, got False"):
        PNASCells.preset("cifar").encode(CellNetwork(PNASNET_5, 3, 48))


def test_files() -> None:
    space = PNASCells([1, 3], repeats=1, filters=8, resolution=16, num_classes=4)
    assert PNASCells.from_dict(space.to_dict()) == space != PNASCells()
    assert flash.PNASCells is PNASCells


def test_costs() -> None:
    net = CellNetwork(PNASNET_5, 1, 8)
    cost = flash.Target.load("cpu-x86").cost(net)
    assert cost.latency_ms > 0.0
    assert cost == flash.Target.load("cpu-x86").cost(net.network())
    assert flash.nn_degree(net) == flash.nn_degree(net.network())


@pytest.mark.parametrize(
    ("blocks", "error", "text"),
    [
        ([], ArgumentError, "blocks must be 1 to 8, got none"),
        ("abcd", ArgumentTypeError, "blocks must be a list"),
        (["abcd"], ArgumentTypeError, r"blocks\[0\] must be \(input_1"),
        ([(0, 2, 0, 0)], ArgumentError, r"blocks\[0\] input_2 must be an integer from 0 to 1"),
        ([(0, 1, "sep3x4", 0)], ArgumentError, "operator_1 .* did you mean 'sep3x3'"),
        ([(0, 1, 0, 8)], ArgumentError, "operator_2 must be an integer from 0 to 7"),
        ([(0, 0, 0, 0)] * 9, ArgumentError, "got more"),
    ],
)
def test_refused_blocks(blocks: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        CellNetwork(blocks)


def test_refused_arguments() -> None:
    with pytest.raises(ArgumentError, match="filters must be at least 4 above 64 pixels, got 3"):
        CellNetwork(PNASNET_5, filters=3, resolution=224)
    with pytest.raises(ArgumentError, match="blocks"):
        PNASCells(9)
    with pytest.raises(ArgumentError, match="blocks must be one of"):
        PNASCells(4).encode(CellNetwork(PNASNET_5))
    with pytest.raises(ArgumentError, match="filters of the space is 24, got 48"):
        PNASCells().encode(CellNetwork(PNASNET_5, filters=48))
    with pytest.raises(FormatError, match="is no cell"):
        PNASCells().parse("0.sep3x3")
    with pytest.raises(FormatError, match="operator_1"):
        PNASCells(1).parse("0.sep4x4+0.sep3x3")
    with pytest.raises(FormatError, match="unknown key 'cells'"):
        PNASCells.from_dict({"family": "pnas", "cells": 3})
    with pytest.raises(FormatError, match="family 'pnas'"):
        CellNetwork.from_dict({"family": "resnet", "blocks": []})


def one_of_each() -> list[CellNetwork]:
    """Every operator on every kind of input, at strides 1 and 2, with both stems."""
    nets = [CellNetwork(PNASNET_5, 2, 4, 32, 10), CellNetwork(PNASNET_5, 1, 8, 67, 7)]
    # odd and even maps, odd numbers of channels, one channel
    nets += [
        CellNetwork(PNASNET_5, 1, 7, 67, 7, 5, True),
        CellNetwork(PNASNET_5, 2, 6, 16, 3, 4, True),
    ]
    nets += [CellNetwork(PNASNET_5, 1, 4, 65, 3, None, True)]
    for name in OPERATORS:
        blocks = ((0, 1, name, name), (2, 0, name, "identity"))
        nets += [CellNetwork(blocks, 1, 4, 15, 3), CellNetwork(blocks, 1, 8, 65, 3)]
    # the older input is read by nobody: its convolution is not there
    blocks = ((1, 1, "sep3x3", "identity"), (2, 1, "max3x3", "identity"))
    return [*nets, CellNetwork(blocks, 1, 4, 15, 3), CellNetwork(blocks, 1, 8, 65, 3)]


@pytest.mark.torch
@pytest.mark.parametrize(
    "net",
    one_of_each(),
    ids=lambda net: f"{net.blocks[0][2]}-{net.resolution}" + "-factorised" * net.factorised,
)
def test_layers_are_those_of_torch(net: CellNetwork) -> None:
    torch = pytest.importorskip("torch")
    module = net.to_torch()
    assert sum(p.numel() for p in module.parameters()) == net.params
    macs = 0

    def count(part: Any, _: Any, out: Any) -> None:
        nonlocal macs
        if isinstance(part, torch.nn.Conv2d):
            macs += part.weight.numel() * out.shape[-1] * out.shape[-2]
        elif isinstance(part, torch.nn.Linear):
            macs += part.weight.numel()

    for part in module.modules():
        part.register_forward_hook(count)
    with torch.no_grad():
        out = module.eval()(torch.randn(1, 3, net.resolution, net.resolution))
    assert out.shape == (1, net.num_classes)
    assert macs == net.macs
    read = flash.Network.from_torch(net.to_torch(), (3, net.resolution, net.resolution))
    assert (read.params, read.macs) == (net.params, net.macs)
    assert {row.cell for row in read.layers} == {row.cell for row in net.network().layers}
    seen, mine = (
        sorted(
            (row.kind, row.in_channels, row.out_channels, row.out_height, row.kernel_size)
            for row in one.layers
            if row.kind in ("conv", "pool", "linear")
        )
        for one in (read, net.network())
    )
    assert seen == mine


@pytest.mark.torch
def test_a_cell_computes_what_its_blocks_say() -> None:
    torch = pytest.importorskip("torch")
    blocks = ((0, 1, "identity", "identity"), (2, 1, "identity", "max3x3"))
    cell = CellNetwork(blocks, 2, 4).to_torch().eval().cells[1]
    older, newer = torch.rand(2, 12, 6, 6), torch.rand(2, 8, 6, 6)
    with torch.no_grad():
        a, b = cell.older(older), cell.newer(newer)
        first = a + b
        pooled = torch.nn.functional.max_pool2d(b, 3, 1, 1)
        assert torch.equal(cell(older, newer), torch.cat([first, first + pooled], 1))


@pytest.mark.torch
@pytest.mark.parametrize("side", [6, 7])
def test_a_factorised_reduction_leaves_no_pixel_out(side: int) -> None:
    """Even channels from the even pixels, odd ones from the odd pixels, 0 beyond the map's end."""
    torch = pytest.importorskip("torch")
    from flash.networks.writing.cell_parts import Factorised

    unit = Factorised(3, 5).eval()
    x = torch.rand(2, 3, side, side)
    half = -(-side // 2)
    padded = torch.zeros(2, 3, side + 2, side + 2)
    padded[:, :, :side, :side] = x
    with torch.no_grad():
        found = unit(x)
        even = torch.einsum("oi,bihw->bohw", unit.even.weight[:, :, 0, 0], x[:, :, ::2, ::2])
        moved = padded[:, :, 1::2, 1::2][:, :, :half, :half]
        odd = torch.einsum("oi,bihw->bohw", unit.odd.weight[:, :, 0, 0], moved)
    assert found.shape == (2, 5, half, half)
    torch.testing.assert_close(found, torch.cat([even, odd], 1) / (1 + 1e-3) ** 0.5)


@pytest.mark.torch
def test_mobile_is_read_back_from_torch_and_onnx(tmp_path: Any) -> None:
    pytest.importorskip("onnx")
    net = CellNetwork.pnasnet5("mobile")
    module = net.to_torch().eval()
    assert sum(one.numel() for one in module.parameters()) == net.params
    net.to_onnx(tmp_path / "mobile.onnx", module=module)
    for read in (
        flash.Network.from_torch(module, (3, 224, 224)),
        flash.Network.from_onnx(tmp_path / "mobile.onnx"),
    ):
        assert read.macs == net.macs
        assert read.params == net.params
        assert flash.nn_degree(read) == flash.nn_degree(net)


@pytest.mark.torch
def test_equal_cells_compute_the_same() -> None:
    """The canonical form with its weights put in place gives the same channels, reordered."""
    torch = pytest.importorskip("torch")
    blocks = ((1, 0, "sep3x3", "max3x3"), (0, 0, "conv1x7-7x1", "avg3x3"))
    net = CellNetwork(blocks, 1, 4, 8)
    form = net.canonical()
    assert form.blocks == (blocks[1][:2] + blocks[1][2:], (0, 1, "max3x3", "sep3x3"))
    one, two = net.to_torch().eval().cells[0], form.to_torch().eval().cells[0]
    two.load_state_dict(
        {
            **two.state_dict(),
            **{k: v for k, v in one.state_dict().items() if not k.startswith("operators.")},
            **{
                f"operators.{new}{key[11:]}": value
                for old, new in ((0, 3), (1, 2), (2, 0), (3, 1))
                for key, value in one.state_dict().items()
                if key.startswith(f"operators.{old}.")
            },
        }
    )
    x = torch.rand(1, 12, 8, 8)
    with torch.no_grad():
        first, second = one(x, x), two(x, x)
    assert torch.allclose(first, torch.cat([second[:, 4:], second[:, :4]], 1), atol=1e-6)


@pytest.mark.torch
def test_seeds_and_learning() -> None:
    torch = pytest.importorskip("torch")
    net = CellNetwork(PNASNET_5, 1, 4, 8, 4)
    weights = [net.to_torch(seed=seed).state_dict()["stem.conv.weight"] for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    torch.manual_seed(0)
    module = net.to_torch()
    labels = torch.arange(8) % 4
    images = 0.1 * torch.randn(8, 3, 8, 8) + labels.view(-1, 1, 1, 1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(module(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.torch
def test_onnx(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    blocks = (
        *((0, 1, name, "avg3x3") for name in OPERATORS[:4]),
        (1, 1, "dil3x3", "max3x3"),
        (2, 1, "identity", "identity"),
    )
    net = CellNetwork(blocks, 1, 5, 15, 5, 6, True)
    module = net.to_torch().eval()
    path = tmp_path / "net.onnx"
    net.to_onnx(path, module=module)
    x = torch.randn(2, 3, 15, 15)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, module(x).numpy(), rtol=1e-3, atol=1e-4)
    with pytest.raises(ArgumentError, match="module must be what"):
        CellNetwork(PNASNET_5).to_onnx(path, module=module)


def test_torch_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match="pip install 'torch>="):
        CellNetwork(PNASNET_5).to_torch()


def test_canonical_of_names() -> None:
    assert canonical(((1, 0, "identity", "sep5x5"),)) == ((0, 1, "sep5x5", "identity"),)
