"""to_torch_code: the file alone is the module of to_torch, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.networks.architecture import FAMILIES, Architecture, Cell
from flash.networks.layer import Layer
from flash.networks.writing.torch_code.file import class_name, docstring
from flash.networks.writing.torch_code.rows import is_plain
from tests.twins.written_code import RUFF, formatted, imports_of, run, same

BLOCKS = [
    (0, 1, "sep3x3", "identity"),
    (1, 2, "max3x3", "conv1x7-7x1"),
    (0, 0, "dil3x3", "avg3x3"),
    (3, 1, "sep5x5", "sep7x7"),
]
# Each kind of row of which a table says what it computes, and each way in which it may be told.
ROWS: list[dict[str, Any]] = [
    {
        "kind": "conv",
        "in_channels": 3,
        "out_channels": 8,
        "kernel": (3, 5),
        "stride": (2, 1),
        "norm": "both",
    },
    {
        "kind": "conv",
        "out_channels": 8,
        "kernel": 3,
        "padding": 0,
        "padding_end": (2, 1),
        "bias": True,
    },
    {"kind": "pool", "mode": "max", "kernel": 3, "stride": 1, "padding": 0, "padding_end": (1, 1)},
    {
        "kind": "pool",
        "mode": "avg",
        "kernel": 3,
        "stride": 2,
        "norm": "input",
        "activation": "silu",
    },
    {
        "kind": "conv",
        "out_channels": 8,
        "kernel": 1,
        "groups": 4,
        "dilation": 2,
        "activation": "gelu",
    },
    {"kind": "add", "inputs": [4, 3], "channels": 5, "activation": "relu6"},
    {"kind": "concat", "inputs": [5, 4, 3], "norm": True},
    {"kind": "concat", "inputs": [6, 5, 4], "channels": 11},
    {"kind": "concat", "inputs": [7, 5], "channels": 3},
    {"kind": "conv", "out_channels": 8, "kernel": 1, "norm": "input"},
    {"kind": "add", "inputs": [4, 5, 9, 3], "channels": 3},
    {"kind": "add", "inputs": [10, 5, 4, 3]},
    {"kind": "add", "inputs": [11, 6], "channels": 8},
    {"kind": "add", "inputs": [12, 9, 5, 4, 3]},
    {"kind": "pool", "mode": "zero", "kernel": 1, "padding": 0},
    {"kind": "pool", "mode": "avg", "kernel": 2, "padding": 2, "stride": 1},
    {"kind": "pool", "mode": "zero", "kernel": 3, "stride": 2},
    {"kind": "concat", "inputs": [16], "channels": 6, "norm": "output", "activation": "hardswish"},
    {"kind": "pool", "mode": "global_avg"},
    {"kind": "linear", "out_channels": 12, "norm": True, "activation": "relu", "bias": True},
    {"kind": "linear", "out_channels": 5, "activation": "softmax"},
]


def small(family: str, skips: int, resolution: int) -> Architecture:
    more = {"expansion": 2, "kernel": 5} if family == "mobilenet-v2" else {}
    plain = {"expansion": 1, "kernel": 3} if family == "mobilenet-v2" else {}
    cells = [Cell(8, 5, skips, **plain), Cell(8, 1, skips, **plain), Cell(12, 6, skips, **more)]
    return Architecture(family, cells, resolution, 7, 3)


def table(**more: Any) -> flash.Network:
    return flash.Network.from_layers(ROWS, input_shape=(3, 20, 16), **more)


@pytest.mark.torch
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("skips", "resolution"), [(0, 32), (5, 32), (500, 32), (5, 65)])
def test_families(family: str, skips: int, resolution: int, tmp_path: Path) -> None:
    arch = small(family, skips, resolution)
    text = same(arch, tmp_path / "net.py")
    assert f"{arch.params:,} parameters; {arch.macs:,} multiply-accumulates" in text


@pytest.mark.torch
@pytest.mark.parametrize(
    ("blocks", "resolution", "factorised"),
    [(BLOCKS, 32, True), (BLOCKS, 96, False), ([(1, 1, "sep3x3", "identity")], 32, True)],
)
def test_cell_networks(
    blocks: list[Any], resolution: int, factorised: bool, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"resolution": resolution, "factorised": factorised, "num_classes": 5}
    same(flash.CellNetwork(blocks, repeats=1, filters=4, **more), tmp_path / "net.py")


@pytest.mark.torch
def test_tables(tmp_path: Path) -> None:
    same(table(), tmp_path / "net.py")
    same(table(outputs=[20, 8]), tmp_path / "two.py")
    told = {row["kind"] for row in ROWS}
    assert told == {"conv", "linear", "pool", "add", "concat"}


@pytest.mark.torch
def test_weights_with_other_links_are_refused(tmp_path: Path) -> None:
    for family in ("densenet", "resnet"):
        arch = small(family, 5, 32)
        arch.to_torch_code(tmp_path / "net.py")
        state = arch.replace(link_seed=4).to_torch().state_dict()
        with pytest.raises(RuntimeError, match="links of another link_seed"):
            run(tmp_path / "net.py")().load_state_dict(state)


def test_a_result_says_for_what_it_was_found(tmp_path: Path) -> None:
    """Without torch, too: families are written from plain numbers."""
    result = flash.search("densenet", "rram", max_latency_ms=2.0, codesign=False)
    text = result.to_torch_code(tmp_path / "net.py")
    assert (tmp_path / "net.py").read_text() == text
    compile(text, "net.py", "exec")
    assert "flash" not in imports_of(text)
    words = " ".join(text.split())
    assert f"Found by flash (shgo) for rram: OPTIMAL, NN-Degree {result.nn_degree:.6g}." in words
    assert f"latency {result.latency_ms:.6g} ms" in words
    assert "of 2 ms" in words
    assert "proven optimal: of 110,578,630,656 configurations" in words
    assert "Found by" not in result.to_torch_code(about="Mine.")
    both = flash.search("densenet", "fpga-zu3eg", max_latency_ms=5.0, codesign=True)
    words = " ".join(both.to_torch_code().split())
    assert "bits of the cells there: " in words
    assert both.accelerator is not None
    assert "takes dsp 288 of 288" in words


def test_what_is_about_cannot_end_the_docstring() -> None:
    about = 'A """ and a \\ and "quotes"'
    text = small("resnet", 0, 32).to_torch_code(about=about + '"')
    compile(text, "net.py", "exec", dont_inherit=True)
    assert r"A ''' and a \\ and" in text
    assert docstring(["a\0b\ud800c\td"], 4) == '    """a b c d"""\n'


def test_refused(tmp_path: Path) -> None:
    net = small("resnet", 0, 32)
    path = tmp_path / "net.py"
    loose = flash.Network.from_layers(
        [{"kind": "conv", "in_channels": 3, "out_channels": 8, "height": 8, "width": 8}],
        connected=False,
    )
    act = [*ROWS[:1], {"kind": "act", "activation": "softmax"}]
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: loose.to_torch_code(path), ArgumentError, "connect"),
        (
            lambda: flash.Network.from_layers(act, input_shape=(3, 9, 9)).to_torch_code(path),
            ArgumentError,
            r"layers\[1\] \(act softmax\) says how much",
        ),
        (lambda: net.to_torch_code(path, about=3), ArgumentTypeError, "about must be text"),  # type: ignore[arg-type]
        (lambda: net.to_torch_code(3), ArgumentTypeError, "path must be a path, got 3"),  # type: ignore[arg-type]
        (
            lambda: flash.search("densenet", "rram", max_latency_ms=0.05).to_torch_code(path),
            ArgumentError,
            "there is no network: INFEASIBLE",
        ),
    ]
    for call, error, said in cases:
        with pytest.raises(error, match=said):
            call()
    with pytest.raises(OSError, match="No such file"):
        net.to_torch_code(tmp_path / "none" / "net.py")
    assert not list(tmp_path.iterdir())


def test_names_of_classes() -> None:
    names = ("mobilenet-v2", "my blocks", "3d", "None", "Block", "ünì")
    found = [class_name(name, {"Block"}) for name in names]
    assert found == [
        *("MobileNetV2", "MyBlocks", "TheNetwork", "NoneNetwork", "BlockNetwork"),
        *("N",),
    ]


def test_plain_rows() -> None:
    assert is_plain(Layer("conv", 3, 8, 9, 9))
    assert not is_plain(Layer("linear", 3, 8, 9, 1))


@pytest.mark.processes
@pytest.mark.skipif(RUFF is None, reason="needs ruff")
def test_as_ruff_formats_it(tmp_path: Path) -> None:
    for family in FAMILIES:
        small(family, 5, 32).to_torch_code(tmp_path / f"{family}.py")
    wide = Architecture("densenet", [Cell(64, 8, 300), Cell(200, 9, 900)])
    wide.to_torch_code(tmp_path / "wide.py")
    flash.CellNetwork(BLOCKS).to_torch_code(tmp_path / "pnas.py")
    table().to_torch_code(tmp_path / "table.py")
    formatted(tmp_path)
