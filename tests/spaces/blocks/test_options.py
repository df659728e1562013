"""Options of stages: what they may be, and what is said of those that are none."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest
from twins import block_spaces

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.networks.network import Network
from flash.problem.blocks import compile_blocks

TARGET = flash.Target.load("cpu-x86")
Rows = list[dict[str, Any]]


def conv(into: int, out: int, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "in_channels": into, "out_channels": out, "kernel": 1, **more}


def plain(into: int, out: int, stride: int, *, kernel: Any = (1, 3)) -> Rows:
    return [conv(into, out, kernel=kernel, stride=stride)]


WIDE = flash.Range(1, 3)


def listed(into: int, out: int, stride: int, *, wide: Any = WIDE, same: Any = 7) -> Rows:
    assert same == 7
    return [conv(into, out * wide, stride=stride), conv(out * wide, out)]


def told(function: Any) -> Any:
    @functools.wraps(function)
    def inner(*given: Any, **more: Any) -> Any:
        return function(*given, **more)

    return inner


class Made:
    def __init__(self, kernel: int) -> None:
        self.kernel = kernel

    def block(self, into: int, out: int, stride: int, *, bias: Any = (False, True)) -> Rows:
        return [conv(into, out, stride=stride, kernel=self.kernel, bias=bias)]

    def __call__(self, into: int, out: int, stride: int) -> Rows:
        return [conv(into, out, stride=stride, kernel=self.kernel)]

    @staticmethod
    def fixed(into: int, out: int, stride: int) -> Rows:
        return [conv(into, out, stride=stride)]


def space(options: Any, widths: Any = 8, **more: Any) -> flash.BlockSpace:
    return flash.BlockSpace([flash.Stage(options, widths, **more)], (3, 16, 16))


def macs(options: Any, **more: Any) -> list[int]:
    own = space(options, **more)
    return [own.decode(k).macs for k in range(own.size)]


ONE = 3 * 8 * 16 * 16  # multiply-accumulates of a kernel of 1


@pytest.mark.parametrize(
    ("option", "name", "kernels"),
    [
        (plain, "plain", [1, 9]),
        (told(plain), "plain", [1, 9]),
        (functools.partial(plain, kernel=5), "plain", [25]),
        (functools.partial(plain, kernel=(3, 5, 7)), "plain", [9, 25, 49]),
        (lambda i, o, s: plain(i, o, s, kernel=3), "<lambda>", [9]),
        (lambda *given, kernel=[3, 1]: plain(*given, kernel=kernel), "<lambda>", [9, 1]),
        (lambda i, o, s, **more: plain(i, o, s, kernel=1), "<lambda>", [1]),
        (Made(3).block, "block", [9, 9]),
        (Made(3), "Made", [9]),
        (Made.fixed, "fixed", [1]),
        (flash.Option(plain, choices={"kernel": [5]}), "plain", [25]),
    ],
)
def test_functions_of_all_kinds(option: Any, name: str, kernels: list[int]) -> None:
    assert macs(option) == [ONE * kernel for kernel in kernels]
    assert list(flash.Stage(option).options) == [name]
    found = flash.search(space(option, repeats=(1, 2)), TARGET, max_latency_ms=1e3)
    assert found.success


def test_a_range_is_choices_and_a_number_is_none() -> None:
    (stage,) = space(listed).stages
    assert [one.label for one in stage.variants] == [f"listed wide {k}" for k in (1, 2, 3)]


@pytest.mark.torch
def test_classes_of_modules() -> None:
    nn = pytest.importorskip("torch.nn")

    class Block(nn.Module):
        def __init__(self, into: int, out: int, stride: int, *, kernel: Any = (1, 3)) -> None:
            super().__init__()
            self.conv = nn.Conv2d(into, out, kernel, stride, kernel // 2)

        def forward(self, x: Any) -> Any:
            return self.conv(x)

    assert macs(Block) == [ONE, 9 * ONE]
    module = space(Block).decode(1).to_torch()
    assert isinstance(module[0], Block)


def by_type(into: int, out: int, stride: int, *, what: Any = (1, True, 1.0, "1", None)) -> Rows:
    kernel = {int: 1, bool: 3, float: 5, str: 7, type(None): 9}[type(what)]
    return [conv(into, out, kernel=kernel)]


def test_choices_that_are_equal_but_not_the_same() -> None:
    """True is 1 to Python, and another choice here."""
    assert macs(by_type) == [ONE * kernel**2 for kernel in (1, 3, 5, 7, 9)]
    assert macs(by_type) == [ONE * kernel**2 for kernel in (1, 3, 5, 7, 9)]


def by_shape(into: int, out: int, stride: int, shape: Any = None) -> Rows:
    return [conv(into, out, kernel=1 if shape is None else 3)]


def test_one_function_with_and_without_shape() -> None:
    assert macs(flash.Option(by_shape)) == [ONE]
    assert macs(flash.Option(by_shape, shape=True)) == [9 * ONE]


KERNEL = [3]


def by_state(into: int, out: int, stride: int) -> Rows:
    return [conv(into, out, kernel=KERNEL[0])]


def test_a_function_that_has_changed_is_asked_again() -> None:
    """What it reads of its surroundings may be another when another space is made of it."""
    before = space(by_state)
    assert before.decode(0).macs == 9 * ONE
    KERNEL[0] = 5
    assert macs(by_state) == [25 * ONE]
    assert before.decode(0).macs == 9 * ONE
    KERNEL[0] = 3
    assert macs(by_state) == [9 * ONE]


# Options that are none


def raising(into: int, out: int, stride: int) -> Rows:
    raise ValueError("no such thing")


def drawn(numbers: Any) -> Any:
    return lambda into, out, stride: [conv(into, out, kernel=next(numbers))]


def deeper(into: int, out: int, stride: int) -> Rows:
    return [conv(into, out, stride=1)]


@pytest.mark.parametrize(
    ("stage", "texts"),
    [
        ((lambda i, o, s: [conv(i, o + 1)], 8), ["hand on 8 channels", "3 > 8, 3x16x16", "9 x 16"]),
        (
            ({"a": plain, "b": deeper}, 8, 1, 2),
            ["hand on the same", "0: a kernel 3, 3 > 8 /2", "0: b", "8 x 8"],
        ),
        (
            ({"a": lambda i, o, s: [conv(i, o, stride=2)]},),
            ["'a' must hand on what it reads", "8 x 8"],
        ),
        ((raising, 8), ["'raising' raised ValueError at 0: raising, 3 > 8", "no such thing"]),
        ((drawn(itertools.cycle([3, 5])), 8), ["not deterministic", "(conv) of kernel 3, then 5"]),
        *(
            ((lambda i, o, s, it=it: it, 8), ["must give a torch module", repr(it)[:9], "3x16x16"])
            for it in (None, 3, [], "rows", {}, plain)
        ),
        ((lambda i, o, s: [3], 8), ["rows that are no network at 0: <lambda>", "layers[0]"]),
        ((lambda i, o, s: [conv(i + 1, o)], 8), ["rows that are no network", "must read"]),
    ],
)
def test_options_that_give_no_block(stage: tuple[Any, ...], texts: list[str]) -> None:
    own = flash.BlockSpace([flash.Stage(*stage)], (3, 16, 16))
    with pytest.raises(ArgumentError) as caught:
        flash.search(own, TARGET, max_latency_ms=1.0)
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.torch
def test_modules_that_are_no_block() -> None:
    torch = pytest.importorskip("torch")

    class Block(torch.nn.Module):
        def __init__(self, into: int, out: int, stride: int, *, gives: Any) -> None:
            super().__init__()
            self.conv, self.gives = torch.nn.Conv2d(into, out, 1), gives

        def forward(self, x: Any) -> Any:
            if self.gives is None:
                raise RuntimeError("no such thing")
            return self.gives(self.conv(x))

    def rows_of(rows: Any, module: Any) -> None:
        space(flash.Option(rows, module)).decode(0).to_torch()

    for gives, text in ((None, "no such thing"), (lambda y: (y, y), "one tensor"), (len, "Block")):
        with pytest.raises(ArgumentError, match=r"'Block'.* at 0: Block, 3 > 8") as caught:
            compile_blocks(space(functools.partial(Block, gives=gives)), TARGET)
        assert text in str(caught.value)
    with pytest.raises(
        ArgumentError, match="raised ValueError when its module was made at 0: plain"
    ):
        rows_of(functools.partial(plain, kernel=1), raising)
    with pytest.raises(ArgumentError, match="module must give a torch module, got None"):
        rows_of(functools.partial(plain, kernel=1), lambda i, o, s: None)


def no_default(into: int, out: int, stride: int, *, kernel: int) -> Rows:
    return [conv(into, out, kernel=kernel)]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (lambda i, o: plain(i, o, 1), "must take .in_channels, out_channels, stride.*too many"),
        (lambda: plain(1, 1, 1), "must take .in_channels, out_channels, stride"),
        (lambda i, o, s, x: plain(i, o, s), "missing a required argument: 'x'"),
        (no_default, "'no_default': build of an option must take .*missing .*'kernel'"),
        ("conv", "options must be a table of functions"),
        (3, "options must be a table of functions"),
        ({}, "options must be at least one"),
        ({3: plain}, "an option's name must be a text, got 3"),
        ({"a": 3}, "option 'a' must be a function of .in_channels"),
        ({"a": None, "b": None}, "skip.* once at most"),
        ([plain, plain], "different names, got 'plain' twice"),
        (lambda i, o, s, *, a=(): plain(i, o, s), "a must have at least one choice"),
        (lambda i, o, s, *, a=([1], [2]): plain(i, o, s), "a must be numbers, texts"),
        (lambda i, o, s, *, a=(1, 1): plain(i, o, s), "a must hold each choice once, got 1 twice"),
        (lambda i, o, s, *, a=(float("nan"), 1): plain(i, o, s), "a must be numbers that can be"),
        (lambda i, o, s, *, a=[*range(300)], b=[*range(300)]: plain(i, o, s), "at most 65536"),
    ],
)
def test_stages_say_what_options_must_be(option: Any, text: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        flash.Stage(option, 8)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"build": plain, "choices": {"other": (1, 2)}}, "by name kernel, other; plain"),
        ({"build": plain, "choices": {"in_channels": (1, 2)}}, "must take"),
        (
            {"build": plain, "module": lambda i, o, s: None},
            "module of an option must take .*kernel",
        ),
        (
            {"build": lambda i, o, s, *, shape=(1, 2): 0, "shape": True},
            "shape must not be a choice",
        ),
        ({"build": plain, "shape": True}, "by name kernel, shape"),
        ({"build": 3}, "build of an option must be a function"),
        ({"build": plain, "module": 3}, "module of an option must be a function"),
        ({"build": plain, "choices": 3}, "choices of an option must be a table"),
    ],
)
def test_options_say_what_functions_must_be(given: dict[str, Any], text: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        flash.Option(**given)


def test_a_fault_is_found_before_a_search_begins() -> None:
    asked: list[Any] = []

    def wrong(into: int, out: int, stride: int) -> Rows:
        asked.append(stride)
        return [conv(into, out, stride=2 * stride)]

    own = space({"good": plain, "bad": wrong})
    with pytest.raises(ArgumentError, match=r"0: good kernel 3.* and 0: bad"):
        compile_blocks(own, TARGET)
    assert asked == [1, 1]  # twice, to see whether it gives the same


@pytest.mark.torch
def test_modules_that_end_in_a_concatenation() -> None:
    """Its pieces are joined for what follows: the concatenation is counted."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Fire(nn.Module):
        def __init__(self, into: int, out: int, stride: int) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(into, 4, 1, stride)
            self.parts = nn.ModuleList([nn.Conv2d(4, out // 2, 1), nn.Conv2d(4, out // 2, 1)])

        def forward(self, x: Any) -> Any:
            x = torch.relu(self.squeeze(x))
            return torch.cat([part(x) for part in self.parts], 1)

    class Dense(nn.Module):
        def __init__(self, into: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(into, out - into, 3, padding=1)

        def forward(self, x: Any) -> Any:
            return torch.cat([x, self.conv(x)], 1)

    last = flash.Stage({"last": lambda i, o, s: nn.Conv2d(i, o, 3, padding=1)}, 5)
    for block in (Fire, Dense):
        own = flash.BlockSpace([flash.Stage(block, 8), last], (3, 16, 16))
        net = own.decode(0)
        assert [one.kind for one in net.network().layers].count("concat") == 1
        read = Network.from_torch(net.to_torch(), (3, 16, 16))
        assert read.peak_memory_kib == net.peak_memory_kib
        table = flash.evaluate(own, TARGET, [0])
        assert table["latency_ms"][0] == TARGET.cost(read).latency_ms


@pytest.mark.torch
def test_rows_that_end_in_features_hand_features_on() -> None:
    """(4,) and not (4, 1, 1): as the module of such rows does."""
    torch = pytest.importorskip("torch")
    pool = {"kind": "pool", "mode": "global_avg", "in_channels": 8, "out_channels": 8}
    gate = [conv(8, 8, inputs=[-1]), {**pool, "inputs": [0]}, conv(8, 8, inputs=[1])]
    gate.append({"kind": "mul", "in_channels": 8, "out_channels": 8, "inputs": [0, 2]})
    head = [pool, {"kind": "linear", "in_channels": 8, "out_channels": 4}]
    own = flash.BlockSpace(
        [
            flash.Stage({"first": functools.partial(plain, kernel=1)}, 8),
            flash.Stage({"gate": lambda i, o, s: gate}),
        ],
        (3, 16, 16),
        head=lambda i, o, s: head,
        num_classes=4,
    )
    net = own.decode(0)
    assert own.numbering.output_of(net.row) == (4,)
    assert tuple(net.to_torch()(torch.zeros(2, 3, 16, 16)).shape) == (2, 4)


def test_a_head_hands_on_features_whatever_it_reads() -> None:
    """Maps of one pixel, and widths among which the number of classes is."""
    head = block_spaces.classifier
    own = flash.BlockSpace([flash.Stage(plain, (2, 4), stride=8)], (3, 8, 8), None, head, 4)
    for flat in range(own.size):
        assert own.numbering.output_of(own.decode(flat).row) == (4,)
    assert flash.search(own, TARGET).success
