"""Spaces of blocks: limits, names, sameness, threads, memory, what they leave alone."""

from __future__ import annotations

import copy
import functools
import gc
import pickle
import random
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from twins import block_spaces

import flash
from flash._core.tables.tables import COLUMNS
from flash.errors import ArgumentError, ArgumentTypeError
from flash.predictors.score import TopologyScore
from flash.problem.blocks import KEPT_SPACES, compile_blocks

TARGET = flash.Target.load("cpu-x86")
Rows = list[dict[str, Any]]


def conv(into: int, out: int, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "in_channels": into, "out_channels": out, "kernel": 1, **more}


def plain(into: int, out: int, stride: int, *, kernel: Any = (1, 3)) -> Rows:
    return [conv(into, out, kernel=kernel, stride=stride)]


def many(into: int, out: int, stride: int, *, choice: Any = tuple(range(64))) -> Rows:
    raise AssertionError("nothing is built before the estimate")


def wide(into: int, out: int, stride: int, *, width: Any = (1, 2), depth: Any = (0, 1)) -> Rows:
    """What it takes is called as choices of stages are."""
    rows = [conv(into, out * width, stride=stride), conv(out * width, out)]
    return [*rows, *[conv(out, out) for _ in range(depth)]]


def space(*stages: Any, **more: Any) -> flash.BlockSpace:
    return flash.BlockSpace(list(stages), more.pop("input", (3, 16, 16)), **more)


# Limits


@pytest.mark.parametrize(
    ("stages", "text"),
    [
        (
            [flash.Stage(many, 8, 8, cell="stage")],
            "281,474,976,710,656 combinations .*4,194,304 fit",
        ),
        (
            [flash.Stage(many, range(1, 999), 3, cell="stage")],
            "stage 0 has 261,619,712 combinations",
        ),
        (
            [flash.Stage(many, range(1, 200), flash.Range(1, 100), cell="block")],
            r"at most 16,384 variants, got 19,900 \(width_0, depth_0\)",
        ),
        (
            [flash.Stage(many, range(1, 2_000)) for _ in range(4)],
            "about 767,360,128 distinct blocks",
        ),
        ([flash.Stage(many, flash.Range(1, 1_000_000))], "stage 0 has 64,000,000 combinations"),
        ([flash.Stage(many, 8, flash.Range(1, 1_000))], "1 to 128 cells, got 129"),
        ([flash.Stage(many, 8, 200)], "1 to 128 cells, got 200"),
        ([flash.Stage(many, 8) for _ in range(129)], "1 to 128 cells, got 129"),
    ],
)
def test_too_large_spaces_are_refused_before_anything_is_built(stages: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        space(*stages)


def test_spaces_of_more_than_63_bits() -> None:
    own = space(*(flash.Stage({"a": plain, "b": None}, 3, 10) for _ in range(5)), head=plain)
    assert own.size == 2 * 3**50 > 2**63
    drawn = own.sample(40, seed=3)
    assert len({one.row for one in drawn}) == 40
    assert own.sample(7, seed=3) == drawn[:7]
    assert [own.decode(own.index(one.row)) for one in drawn] == drawn
    assert own.index(own.decode(own.size - 1).row) == own.size - 1
    firsts = np.array([one.row[0] for one in own.sample(300, seed=1)])
    assert np.bincount(firsts).min() > 50  # of the first block's three choices


# Arguments


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: space(flash.Stage(None, 8, stride=2)), "stage 0 must have an option beside skip"),
        (lambda: space(flash.Stage(None, 8)), "stage 0 must have an option beside skip"),
        (lambda: space(flash.Stage(None)), "every stage can be skipped"),
        (
            lambda: space(flash.Stage({"a": plain, "s": None}, 3), flash.Stage([plain, None])),
            "every stage can be skipped",
        ),
        (
            lambda: space(flash.Stage(plain, 8, name="a"), flash.Stage(plain, 8, name="a")),
            "different names, got a, a",
        ),
        (
            lambda: space(flash.Stage(plain, 8, name="stem"), stem=plain),
            "different names, got stem, stem",
        ),
        (
            lambda: space(flash.Stage(plain, 8, 2, name="x"), flash.Stage(plain, 8, name="x_0")),
            "stages x and x_0 both have what is called block_x_0",
        ),
        (
            lambda: space(flash.Stage(wide, (8, 16), name="x")),
            "stage x has twice what is called width_x",
        ),
        (lambda: flash.Stage(plain, 8, name="a b"), "name of a stage must be a word"),
        (lambda: flash.Stage(plain, 0), "widths of stage must be"),
        (lambda: flash.Stage(plain, [8, 8], name="a"), "widths of stage 'a' must hold .* once"),
        (lambda: flash.Stage(plain, "8"), "widths of stage must be"),
        (lambda: flash.Stage(plain, 8, 0), "repeats of stage must be"),
        (lambda: flash.Stage(plain, 8, flash.Range(0, 3)), "repeats of stage must be"),
        (lambda: flash.Stage(plain, 8, 1, 0), "stride of stage must be"),
        (lambda: flash.Stage(plain, 8, shared=True, cell="block"), "cell must not be 'block'"),
        (lambda: flash.Stage(plain, 8, cell="row"), "cell must be"),
        (lambda: space(), "stages must be at least one"),
        (lambda: space(plain), r"stages\[0\] must be a Stage"),
        (lambda: space(flash.Stage(plain, 8), input=(3, 16, 16, 16)), "input must be"),
        (lambda: space(flash.Stage(plain, 8), input=(0, 16, 16)), r"input\[0\] must be"),
        (
            lambda: space(flash.Stage(plain, 8), input=[(3, 8, 8), (4, 8, 8)]),
            "must have the same channels",
        ),
        (
            lambda: space(flash.Stage(plain, 8), input=[(3, 8, 8), (3, 8, 8)]),
            "must hold each shape once",
        ),
        (lambda: space(flash.Stage(plain, 8), bits=3), "bits must be one of"),
        (lambda: space(flash.Stage(plain, 8), num_classes=0), "num_classes must be"),
        (lambda: space(flash.Stage(plain, 8), name=" "), "name must be a text"),
    ],
)
def test_arguments_that_are_not_accepted(make: Any, text: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        make()


@pytest.mark.parametrize(
    ("inputs", "sizes"),
    [
        ([(3, 8, 8), (3, 12, 8)], (8, 12)),
        ([(3, 8, 8), (3, 8, 12)], (8, 12)),
        ([(3, 8, 12), (3, 12, 12), (3, 8, 8)], (96, 144, 64)),
        ([(3, 8, 12), (3, 12, 8), (3, 8, 8)], (0, 1, 2)),
    ],
)
def test_inputs_of_all_sizes(inputs: Any, sizes: tuple[int, ...]) -> None:
    """Each is a choice of its own, whatever tells them apart."""
    own = space(flash.Stage({"a": plain}, 8), input=inputs)
    assert own.choices_of("input") == sizes
    assert own.size == 2 * len(inputs)
    for k, shape in enumerate(inputs):
        for net in (own.decode(2 * k), own.decode((k, 1))):
            assert net.input_shape == net.network().input_shape == shape


def test_what_options_take_may_be_called_as_choices_of_stages_are() -> None:
    own = space(flash.Stage(wide, 8, 2, cell="block", name="x"), flash.Stage(wide, 16, name="y"))
    for where, most in (("width_x_1 == 1 and depth_y == 0", 1), ("width_y == 1", 1)):
        found = flash.search(own, TARGET, where=where)
        assert found.proven
        blocks = [label for stage, label, _ in found.architecture.blocks if stage == where[6]]
        assert f"width {most}" in blocks[-1]
    assert flash.search(own, TARGET, where="depth_x_0 < depth_x_1").success


# Sameness


def once(**more: Any) -> flash.BlockSpace:
    return space(
        flash.Stage(plain, (8, 16), (1, 2), 2, name="x"), flash.Stage([plain, None]), **more
    )


def columns(problem: Any) -> list[bytes | None]:
    rows = problem.tables.rows
    return [
        problem.tables.column(variant, cell, column)
        for variant, cells in enumerate(rows)
        for cell in range(len(cells))
        for column in range(len(COLUMNS))
    ]


def test_spaces_made_alike_are_equal() -> None:
    one, other = once(), once()
    assert one == other
    assert hash(one) == hash(other)
    assert columns(compile_blocks(one, TARGET)) == columns(compile_blocks(other, TARGET))
    for flat in range(one.size):
        assert one.decode(flat) == other.decode(flat)
        assert hash(one.decode(flat)) == hash(other.decode(flat))
    assert len({one.decode(flat) for flat in range(one.size)}) == one.size
    for more in ({"bits": 8}, {"name": "z"}, {"num_classes": 9}, {"input": (3, 16, 8)}):
        assert once(**more) != one
        assert once(**more).decode(0) != one.decode(0)
    assert one != 3
    assert one.decode(0) != 3
    for copied in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert copied == one
        assert copied.decode(3) == one.decode(3)
    assert pickle.loads(pickle.dumps(one.decode(3))) == one.decode(3)


def test_networks_tell_what_they_are() -> None:
    own = space(flash.Stage({"<b>": plain}, (8, 16), (1, 2), name="x"), name="<i>")
    net = own.decode(own.size - 1)
    assert repr(net) == "BlockNetwork(<i>: x (16): <b> kernel 3, <b> kernel 3)"
    assert net.to_dict() == {
        "family": "<i>",
        "space": own.to_dict(),
        "choices": {"width_x": 1, "depth_x": 1, "block_x_0": 1, "block_x_1": 1},
        "blocks": [{"stage": "x", "block": "<b> kernel 3", "channels": 16}] * 2,
    }
    for page in (net._repr_html_(), own._repr_html_()):
        assert "&lt;b&gt;" in page
        assert "<i>" not in page
    assert flash.BlockNetwork(own, net.choices) == net
    with pytest.raises(ArgumentError, match="has no variable 'widht_x'; did you mean 'width_x'"):
        flash.BlockNetwork(own, {"widht_x": 1})
    with pytest.raises(ArgumentError, match="choice index of width_x must be"):
        flash.BlockNetwork(own, {"width_x": 2})
    with pytest.raises(ArgumentError, match="i must be"):
        own.decode(own.size)
    with pytest.raises(ArgumentError, match="of another space"):
        own.encode(once().decode(0))


@pytest.mark.parametrize("torch", [False, pytest.param(True, marks=pytest.mark.torch)])
def test_threads_that_compile_a_space_at_once(torch: bool) -> None:
    def modules(into: int, out: int, stride: int, *, kernel: Any = (1, 3)) -> Any:
        from torch import nn

        return nn.Conv2d(into, out, kernel, stride, kernel // 2)

    if torch:
        pytest.importorskip("torch")
    own, known = (
        space(*(flash.Stage(modules if torch else plain, (8, 16), (1, 2), 2) for _ in range(2)))
        for _ in range(2)
    )
    expected = columns(compile_blocks(known, TARGET))
    found: list[Any] = []
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait()
        found.append(columns(compile_blocks(own, TARGET)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [expected] * 4


@pytest.mark.torch
def test_random_numbers_of_others_are_left_alone() -> None:
    torch = pytest.importorskip("torch")

    class Drawing(torch.nn.Module):
        def __init__(self, into: int, out: int, stride: int) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(into, out, 1, stride)
            self.factor = float(self.conv.weight.abs().sum() >= 0)  # values are asked for
            torch.manual_seed(0)

        def forward(self, x: Any) -> Any:
            return self.conv(x)

    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate()
    own = space(flash.Stage(Drawing, 8, (1, 2)))
    compile_blocks(own, TARGET)
    own.decode(1).to_torch(seed=3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_functions_are_not_kept_longer_than_their_space() -> None:
    def make() -> Any:
        def own(into: int, out: int, stride: int, *, kernel: Any = (1, 3)) -> Rows:
            return plain(into, out, stride, kernel=kernel)

        compile_blocks(space(flash.Stage(own, 8)), TARGET)
        return weakref.ref(own)

    known = [make() for _ in range(KEPT_SPACES + 3)]
    gc.collect()
    assert [one() for one in known[:3]] == [None] * 3  # the last few are there for equal spaces


# What costs depend on


def normed(into: int, out: int, stride: int) -> Rows:
    """A norm of its own behind anything but a convolution that nobody else reads."""
    return [conv(into, out, norm="input", inputs=[-1])]


def added(into: int, out: int, stride: int) -> Rows:
    rows = [conv(into, out, inputs=[-1]), conv(out, out, inputs=[0])]
    return [*rows, {"kind": "add", "in_channels": out, "out_channels": out, "inputs": [0, 1]}]


def test_what_depends_on_the_block_before_is_exact_within_a_stage() -> None:
    own = space(flash.Stage([plain, added, normed], 8, 3))
    flats = range(own.size)
    for name in ("cpu-x86", "rram", "gtx-1080ti"):
        target = flash.Target.load(name)
        rows = np.array([own.decode(flat).row for flat in flats])
        table = flash.evaluate(own, target, rows)
        told = [target.cost(own.decode(flat).network()).latency_ms for flat in flats]
        assert table["latency_ms"].tolist() == told
    alone = [target.cost(space(flash.Stage(one, 8)).decode(0).network()) for one in (added, normed)]
    both = target.cost(space(flash.Stage(added, 8), flash.Stage(normed, 8)).decode(0).network())
    assert both.latency_ms != sum(one.latency_ms for one in alone)  # it does depend on it


def test_what_depends_on_the_stage_before_is_refused() -> None:
    text = (
        "latency on cpu-x86 of 1: normed, 8 > 8, 8x16x16 depends on what stands before it, and is "
        "another behind 0: plain kernel 1, 3 > 8, 3x16x16 than behind 0: added, 3 > 8, 3x16x16"
    )
    with pytest.raises(ArgumentError) as caught:
        flash.search(space(flash.Stage([plain, added], 8), flash.Stage(normed, 8)), TARGET)
    assert text in str(caught.value)
    with pytest.raises(ArgumentError, match="put a stage of one option between"):
        flash.search(space(flash.Stage([plain, added], 8), flash.Stage(normed, 8)), TARGET)
    between = space(flash.Stage([plain, added], 8), flash.Stage(added), flash.Stage(normed, 8))
    assert flash.search(between, TARGET).success


def test_means_over_paths_may_differ_in_their_last_bit() -> None:
    """What predictors read is rounded otherwise behind other blocks: no reason to refuse."""
    score = TopologyScore(-1.0, (0.7, -0.3, 0.05, 0.1, 0.02), (0.05, -0.02), -0.37)
    predictor = flash.AccuracyPredictor(topology=score)
    first = flash.Stage([block_spaces.residual, block_spaces.pooled], 3)
    own = space(first, flash.Stage([block_spaces.joined, block_spaces.residual]), input=(3, 8, 8))
    rows = np.array([own.decode(flat).row for flat in range(own.size)])
    table = flash.evaluate(own, TARGET, rows, predictor)
    told = [predictor.predict_one(own.decode(flat).network()) for flat in range(own.size)]
    assert table["accuracy"] == pytest.approx(told, abs=1e-9)


def test_memory_is_refused_where_it_is_asked_for() -> None:
    """A block's peak may depend on what stands before it where no cost does."""
    one = functools.partial(plain, kernel=1)
    own = space(flash.Stage([one, None]), flash.Stage({"second": one}, 8))
    assert flash.search(own, TARGET, max_latency_ms=1e3).success
    with pytest.raises(
        ArgumentError, match=r"peak_bytes of 1: second, 3 > 8.* than behind the input"
    ):
        flash.search(own, TARGET, max_memory_kib=1e3)


def test_a_space_of_one_network() -> None:
    own = space(flash.Stage(added, 8))
    assert own.variables == ()
    assert own.size == 1
    net = own.decode(0)
    assert flash.search(own, TARGET).architecture == net
    for most, fits in ((net.peak_memory_kib, True), (net.peak_memory_kib / 2, False)):
        assert flash.search(own, TARGET, max_memory_kib=most).success is fits
    for choices in ([0], [()], np.zeros((1, 0), int)):
        assert flash.evaluate(own, TARGET, choices)["params"].tolist() == [net.params]
    assert flash.sweep(own, TARGET).count == len(flash.pareto(own, TARGET).latency_ms) == 1
    for method in ("random", "evolution", "hurricane", "fp-nas"):
        found = flash.search(own, TARGET, method=method, max_latency_ms=10, max_evals=4)
        assert found.architecture == net


def _split(in_channels: int, out_channels: int, stride: int, *, shape: Any) -> list[dict[str, Any]]:
    """Half of what one convolution makes skips the next: it ends in a concatenation."""
    half = out_channels // 2
    conv = {"kind": "conv", "height": shape[1], "width": shape[2], "kernel": 3, "norm": "output"}
    return [
        {**conv, "in_channels": in_channels, "out_channels": half, "inputs": (-1,)},
        {**conv, "in_channels": half, "out_channels": half, "inputs": (0,)},
        {
            "kind": "concat", "in_channels": out_channels, "out_channels": out_channels,
            "height": shape[1], "width": shape[2], "inputs": (1, 0),
        },
    ]  # fmt: skip


def _plain(in_channels: int, out_channels: int, stride: int, *, shape: Any) -> list[dict[str, Any]]:
    return [
        {
            "kind": "conv", "in_channels": in_channels, "out_channels": out_channels,
            "height": shape[1], "width": shape[2], "kernel": 3, "norm": "output",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["stage", "block"])
def test_blocks_that_end_in_a_concatenation_stand_beside_others(cell: str) -> None:
    """Links of a concatenation stay in its cell: within a stage that is one, not between two."""
    options = {
        "split": flash.Option(_split, shape=True), "plain": flash.Option(_plain, shape=True)
    }  # fmt: skip
    space = flash.BlockSpace(
        [
            flash.Stage(options, 8, [1, 3], cell=cell, name="early"),
            flash.Stage(options, 8, 2, cell=cell, name="late"),
        ],
        (8, 6, 6),
    )
    told: Any = flash.evaluate(space, "cpu-x86", range(space.size))
    nets = [space.decode(i) for i in range(space.size)]
    assert told["nn_degree"].tolist() == [flash.nn_degree(net) for net in nets]
    assert told["latency_ms"].tolist() == [
        flash.Target.load("cpu-x86").cost(net).latency_ms for net in nets
    ]
    found = flash.search(space, "cpu-x86")
    assert found.status == "OPTIMAL"
    assert found.nn_degree == told["nn_degree"].max()
    if cell == "block":
        return
    # the first of three blocks makes 4 and 4 channels instead of 8; 4 of them skip into 8
    chosen = dict.fromkeys(["block_early_1", "block_early_2", "block_late_0", "block_late_1"], 1)
    one, none = (
        flash.BlockNetwork(space, {**chosen, "depth_early": 1, "block_early_0": k}) for k in (0, 1)
    )
    assert flash.nn_degree(one) - flash.nn_degree(none) == pytest.approx(24 / 4 + 4 * 8 / 24 - 8)
