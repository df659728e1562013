"""PNASCells and CellNetwork: the cells of PNAS, what is equal among them, and their networks."""

from __future__ import annotations

import itertools
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


def test_published_sizes() -> None:
    """PNASNet-5 large: 86.1 M parameters and 25 G MACs; on CIFAR (N=3, F=48) 3.2 M (the paper)."""
    large = CellNetwork(PNASNET_5, 4, 216, 331, 1000)
    assert large.params == 86_057_668  # also the count of the released weights
    assert round(large.macs / 1e9, 1) == 24.9
    assert large.network().layers[-1].in_channels == 4320
    small = CellNetwork(PNASNET_5, 3, 48)
    assert round(small.params / 1e6, 1) == 3.2


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
    with pytest.raises(ArgumentError, match="filters must be a multiple of 4"):
        CellNetwork(PNASNET_5, filters=10, resolution=224)
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
    for name in OPERATORS:
        blocks = ((0, 1, name, name), (2, 0, name, "identity"))
        nets += [CellNetwork(blocks, 1, 4, 15, 3), CellNetwork(blocks, 1, 8, 65, 3)]
    # the older input is read by nobody: its convolution is not there
    blocks = ((1, 1, "sep3x3", "identity"), (2, 1, "max3x3", "identity"))
    return [*nets, CellNetwork(blocks, 1, 4, 15, 3), CellNetwork(blocks, 1, 8, 65, 3)]


@pytest.mark.torch
@pytest.mark.parametrize(
    "net", one_of_each(), ids=lambda net: f"{net.blocks[0][2]}-{net.resolution}"
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
    net = CellNetwork(blocks, 1, 4, 16, 5)
    module = net.to_torch().eval()
    path = tmp_path / "net.onnx"
    net.to_onnx(path, module=module)
    x = torch.randn(2, 3, 16, 16)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, module(x).numpy(), rtol=1e-3, atol=1e-4)
    with pytest.raises(ArgumentError, match="module must be what"):
        CellNetwork(PNASNET_5).to_onnx(path, module=module)


def test_torch_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"'\.\[torch\]'"):
        CellNetwork(PNASNET_5).to_torch()


def test_canonical_of_names() -> None:
    assert canonical(((1, 0, "identity", "sep5x5"),)) == ((0, 1, "sep5x5", "identity"),)
