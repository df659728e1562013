"""Spaces of blocks as problems of choices."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError

CPU = flash.Target.load("cpu-x86")


def conv(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3)) -> list[Any]:
    row = {"kind": "conv", "out_channels": out_channels, "kernel": kernel, "stride": stride}
    return [{**row, "norm": True, "activation": "relu"}]


def head(in_channels: int, out_channels: int, stride: int) -> list[Any]:
    last = {"kind": "linear", "out_channels": out_channels, "bias": True}
    return [{"kind": "pool", "mode": "global_avg"}, last]


def space(**options: Any) -> flash.BlockSpace:
    stages = [
        flash.Stage({"conv": conv}, [8, 16], stride=2, name="first"),
        flash.Stage({"conv": conv, "skip": None}, repeats=2, cell="block", name="body"),
    ]
    given = {"input": (3, 16, 16), "num_classes": 10, "head": head, **options}
    return flash.BlockSpace(given.pop("stages", stages), **given)


def fixed() -> flash.BlockSpace:
    """One width: blocks are groups of their own."""
    return space(
        stages=[
            flash.Stage({"conv": conv}, 8, stride=2, name="first"),
            flash.Stage({"conv": conv, "skip": None}, repeats=2, cell="block", name="body"),
        ]
    )


def table(problem: flash.ChoiceProblem, **more: Any) -> list[dict[str, Any]]:
    return [
        {"layer": group, "option": label, "loss": 1.0 + k + len(label) / 100, **more}
        for group in problem.groups
        if len(problem.options(group)) > 1
        for k, label in enumerate(problem.options(group))
    ]


def test_every_answer_is_its_network() -> None:
    own = fixed()
    problem = own.choices(CPU)
    assert problem.groups == ("first", "body_0", "body_1", "head")
    assert problem.options("body_0") == ("conv kernel 1", "conv kernel 3", "skip")
    assert problem.size == own.size == 2 * 3 * 3
    assert set(problem.metrics) >= {"latency_ms", "params", "macs", "weights_kib", "memory_kib"}
    assert problem.peaks == ("memory_kib",)
    for some in product(*(problem.options(group) for group in problem.groups)):
        given = dict(zip(problem.groups, some, strict=True))
        net = own.chosen(given)
        where = [
            f'{group} == "{label}"'
            for group, label in given.items()
            if len(problem.options(group)) > 1
        ]
        metrics = flash.choose(problem, minimize="params", where=where).metrics
        cost = CPU.cost(net.network())
        assert (metrics["params"], metrics["macs"]) == (net.params, net.macs)
        assert metrics["latency_ms"] == pytest.approx(cost.latency_ms, abs=1e-8)
        assert metrics["weights_kib"] == net.weights_kib
        assert metrics["memory_kib"] == net.peak_memory_kib


def test_whole_stages_and_widths_that_are_handed_on() -> None:
    own = space(
        stages=[
            flash.Stage({"conv": conv}, [8, 16], stride=2, name="first"),
            flash.Stage({"conv": conv}, [12, 24], repeats=[1, 2], cell="stage", name="body"),
        ]
    )
    problem = own.choices(CPU)
    assert problem.options("first") == (
        "8: conv kernel 1", "8: conv kernel 3", "16: conv kernel 1", "16: conv kernel 3",
    )  # fmt: skip
    assert problem.options("body")[2] == "12: conv kernel 1, conv kernel 1 behind 8"
    assert problem.size == own.size == 4 * 2 * (2 + 4)
    least = flash.choose(problem, minimize="latency_ms", where="macs >= 60000")
    assert least.proven
    found = [own.decode(k) for k in range(own.size)]
    best = min(CPU.cost(net.network()).latency_ms for net in found if net.macs >= 60000)
    net = own.chosen(least)
    assert CPU.cost(net.network()).latency_ms == best
    assert least.metrics["params"] == net.params


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_scores_come_from_files(tmp_path: Path, ending: str) -> None:
    import json

    own = fixed()
    rows = table(own.choices())
    path = tmp_path / f"scores.{ending}"
    if ending == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    else:
        lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    problem = own.choices(CPU, scores=path)
    assert problem == own.choices(CPU, scores=rows)
    answer = flash.choose(problem, minimize="loss")
    assert answer.proven
    assert answer.objective == pytest.approx(sum(1.0 + len(problem.options(g)[0]) / 100 for g in
                                                 ("first", "body_0", "body_1")))  # fmt: skip


def test_rows_may_say_numbers_and_choices() -> None:
    own = fixed()
    usual = own.choices(scores=table(own.choices()))
    loss = dict(zip([(r["layer"], r["option"]) for r in table(own.choices())],
                    [r["loss"] for r in table(own.choices())], strict=True))  # fmt: skip
    by_choice = [
        {"layer": k, "kernel": kernel, "loss": loss[group, label]}
        for k, group in enumerate(("first", "body_0", "body_1"))
        for kernel, label in ((1, "conv kernel 1"), (3.0, "conv kernel 3"), (0, "skip"))
        if (group, label) in loss
    ]
    assert own.choices(scores=by_choice) == usual
    by_option = [{"option": "conv" if one["kernel"] else "skip", **one} for one in by_choice]
    for one in by_option:
        one["kernel"] = one["kernel"] or ""
    assert own.choices(scores=by_option) == usual


def wrong(rows: list[dict[str, Any]], change: str) -> list[dict[str, Any]]:
    if change == "missing":
        return rows[:-1]
    if change == "twice":
        return [*rows, rows[0]]
    if change == "group":
        return [*rows, {**rows[0], "layer": "body_7"}]
    if change == "option":
        return [*rows, {**rows[0], "option": "conv kernel 9"}]
    if change == "number":
        return [*rows[:-1], {**rows[-1], "loss": "low"}]
    if change == "own":
        return [{**row, "params": 1} for row in rows]
    if change == "empty":
        return []
    gone = change.removeprefix("no ")
    return [{key: value for key, value in row.items() if key != gone} for row in rows]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("missing", r"lacks 1 rows \(body_1: skip\)"),
        ("twice", "'first', option 'conv kernel 1' twice: rows 0 and 8"),
        ("group", "row 8: there is no layer 'body_7'"),
        ("option", "row 8: layer 'first' has no option 'conv kernel 9'"),
        ("number", "row 7: loss must be a number, got 'low'"),
        ("own", "column 'params', which the space has itself"),
        ("empty", "at least one row"),
        ("no layer", "must have a column 'layer'"),
        ("no option", "must have a column 'option', or of choices"),
        ("no loss", "must have a column beside layer, option"),
    ],
)
def test_faults_of_a_table_are_named(change: str, told: str) -> None:
    own = fixed()
    rows = wrong(table(own.choices()), change)
    with pytest.raises(ArgumentError, match=told):
        own.choices(scores=rows)


def test_global_choices_are_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match="width_first"):
        space().choices(CPU)
    with pytest.raises(ArgumentError, match=r"whole network.*input"):
        space(input=[(3, 16, 16), (3, 8, 8)]).choices(CPU)


def test_costs_that_are_no_sums_are_refused() -> None:
    with pytest.raises(ArgumentError, match="'rram' are no sums"):
        fixed().choices("rram")


def test_a_target_of_ones_own_has_its_constant_once() -> None:
    target = flash.LayerTarget(lambda layer: 1e-6 * layer.macs, name="mine", constant=2.5)
    own = fixed()
    answer = flash.choose(own.choices(target), minimize="latency_ms")
    cost = target.cost(own.chosen(answer).network())
    assert answer.metrics["latency_ms"] == pytest.approx(cost.latency_ms, abs=1e-8)
    assert answer.metrics["latency_ms"] > 2.5


def test_what_options_add_is_a_metric() -> None:
    def state(in_channels: int, out_channels: int, stride: int, *, kernel: int) -> float:
        return kernel * out_channels / 4

    option = flash.Option(conv, metrics={"state_kib": state})
    own = space(stages=[flash.Stage({"a": option, "skip": None}, 8, 2, stride=2, cell="block")])
    problem = own.choices()
    assert problem.values("state_kib").tolist() == [2.0, 6.0, 2.0, 6.0, 0.0, 0.0]
    bad = flash.Option(conv, metrics={"params": state})
    with pytest.raises(ArgumentError, match="must not be named 'params'"):
        space(stages=[flash.Stage({"a": bad}, 8)]).choices()
    broken = flash.Option(conv, metrics={"state_kib": lambda *_, **__: float("nan")})
    with pytest.raises(ArgumentError, match=r"state_kib of .* must be a finite number"):
        space(stages=[flash.Stage({"a": broken}, 8)]).choices()
    with pytest.raises(ArgumentTypeError, match="metrics of an option must be functions"):
        flash.Option(conv, metrics={"state_kib": 3})  # type: ignore[dict-item]


def test_answers_that_are_none_are_named() -> None:
    own = fixed()
    with pytest.raises(ArgumentError, match="'first' must be one of its options, got None"):
        own.chosen({})
    with pytest.raises(ArgumentError, match="'body_0' must be one of its options, got 'conv'"):
        own.chosen({"first": "conv kernel 1", "body_0": "conv"})
    with pytest.raises(ArgumentTypeError, match=r"answer of flash\.choose"):
        own.chosen(3)
