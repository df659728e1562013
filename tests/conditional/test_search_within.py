"""flash.search under conditions equals complete enumeration."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

import flash

SPACES: dict[str, Any] = {
    "densenet": lambda draw: flash.DenseNet(
        width_multipliers=draw.choice([[1], [1, 2]]),
        depths=flash.Range(3, draw.randint(4, 6)),
        skips=draw.choice([[0, 16], [0, 8, 40]]),
        cells=draw.choice([2, [2, 3]]),
        resolution=draw.choice([16, [16, 32]]),
    ),
    "free widths": lambda draw: flash.DenseNet(
        widths=[8, 16, 24], depths=[3, 5], skips=[0, 16], cells=3
    ),
    "resnet": lambda draw: flash.ResNet(depths=flash.Range(1, 4), skips=[0, 16, 32], cells=3),
    "mobilenet": lambda draw: flash.MobileNetV2(
        width_multipliers=[1], depths=[1, 2], skips=[0], expansions=[3, 6], kernels=[3, 5], cells=3
    ),
}
TARGETS = ["raspberry-pi-4", "rram", "cpu-x86", "systolic-128"]


@lru_cache(maxsize=64)
def columns_of(space: Any, targets: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return columns(space, dict(targets))


def columns(space: Any, targets: dict[str, Any], predictor: Any = None) -> dict[str, Any]:
    """Every network's metrics and choices."""
    found: dict[str, Any] = {}
    every = np.arange(space.size)
    for name, target in targets.items():
        table = flash.evaluate(space, target, every, predictor=predictor)
        for key in table:
            shared = key in ("params", "macs", "nn_degree", "accuracy")
            found[key if shared or not name else f"{key}@{name}"] = np.asarray(table[key])
    nets = [space.decode(int(i)) for i in every]
    for place, variable in enumerate(space.variables):
        kind, _, cell = variable.rpartition("_")
        values = []
        for i, net in zip(every, nets, strict=True):
            if variable == "cells":
                values.append(len(net.cells))
            elif variable == "resolution":
                values.append(net.resolution)
            elif variable == "width_multiplier":
                row = flash_row(space, int(i))
                values.append(space.factors[row[place]])
            elif int(cell) >= len(net.cells):
                values.append(np.nan)
            else:
                values.append(getattr(net.cells[int(cell)], kind))
        found[variable] = np.array(values, float)
    return found


def flash_row(space: Any, i: int) -> tuple[int, ...]:
    return tuple(space.encode(space.decode(i)))


def mask_of(condition: str, table: dict[str, Any]) -> Any:
    """Which networks meet a condition: of the twin alone, by numpy and exact fractions."""
    text = condition.replace("@", "_at_").replace(" and ", " & ")
    names = {name.replace("@", "_at_"): values for name, values in table.items()}
    left, sign, right = next(
        (text.split(f" {sign} ")[0], sign, text.split(f" {sign} ")[1])
        for sign in ("<=", ">=", "==", "!=", "<", ">")
        if f" {sign} " in text
    )
    compare = {
        "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b, "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b, "<": lambda a, b: a < b, ">": lambda a, b: a > b,
    }[sign]  # fmt: skip
    missing = np.zeros(len(table["macs"]), bool)
    for name, values in names.items():
        if name in (left, right):
            missing |= np.isnan(values)
    exact = any((word in names and "_at_" in word) or word in METRICS for word in left.split())
    if not exact:
        a = names[left] if left in names else float(left)
        b = names[right] if right in names else float(right)
        return compare(a, b) & ~missing
    used = [name for name in names if name in left]
    limit = Fraction(float(right))
    if left in names:  # one metric: float64 is compared exactly as it is
        return compare(names[left], float(right))
    rows = []
    for i in range(len(missing)):
        values = {name: Fraction(float(names[name][i])) for name in used}
        rows.append(compare(eval(left, {"Fraction": Fraction}, values), limit))
    return np.array(rows)


METRICS = ("latency_ms", "energy_mj", "area_mm2", "params", "macs", "nn_degree")


def random_where(draw: random.Random, table: dict[str, Any], space: Any) -> list[str]:
    costs = [name for name in table if name.split("@")[0] in METRICS]

    def one() -> str:
        kind = draw.randint(0, 4)
        name = draw.choice(costs)
        if kind <= 1:
            value = float(draw.choice(table[name].tolist()))
            return f"{name} {draw.choice(['<=', '>=', '<', '<='])} {value!r}"
        if kind == 2:
            other = draw.choice(costs)
            i = draw.randrange(len(table[name]))
            value = 2 * Fraction(float(table[name][i])) + Fraction(float(table[other][i]))
            return f"2 * {name} + {other} {draw.choice(['<=', '>='])} {float(value)!r}"
        inner = [v for v in space.variables if v.rpartition("_")[2].isdigit()]
        a = draw.choice(inner)
        if kind == 3:
            same = [v for v in inner if v.rpartition("_")[0] == a.rpartition("_")[0]]
            return f"{a} {draw.choice(['==', '<=', '>=', '!='])} {draw.choice(same)}"
        number = draw.choice([x for x in table[a].tolist() if x == x])
        return f"{a} {draw.choice(['==', '<=', '>=', '!='])} {number:g}"

    return [one() for _ in range(draw.randint(1, 3))]


def check(seed: int, kind: str, targets: dict[str, Any], goals: str) -> str:
    draw = random.Random(seed)
    space = SPACES[kind](draw)
    table = columns_of(space, tuple(targets.items()))
    where = random_where(draw, table, space)
    mask = np.ones(space.size, bool)
    for one in where:
        mask &= mask_of(one, table)
    one_device = list(targets) == [""]
    target = targets[""] if one_device else flash.together(**targets)
    cost = draw.choice([name for name in table if name.split("@")[0] in METRICS[:3]])
    wanted: dict[str, Any] = {"objective": "accuracy"}
    values = table["nn_degree"]
    if goals == "least":
        wanted, values = {"minimize": cost}, -table[cost]
    elif goals == "sum":
        wanted = {"objective": {"sum": {"nn_degree": 1.0, cost: -3.0}}}
        values = table["nn_degree"] - 3.0 * table[cost]
    elif goals == "both":
        wanted = {"objective": ["accuracy", {"sum": {cost: -1}}]}
    result = flash.search(space, target, where=where, **wanted)
    said = (seed, kind, list(targets.values()), where, wanted)
    if not mask.any():
        assert result.status == "INFEASIBLE", said
        return result.status
    assert result.status == "OPTIMAL", said
    index = result.index
    assert index is not None
    assert mask[index], said
    best = values[mask].max()
    if goals == "accuracy":
        assert values[index] == best, said
    elif goals == "both":
        assert values[index] == best, said
        tied = mask & (values == best)
        assert table[cost][index] <= table[cost][tied].min() * (1 + 1e-11), said
    else:
        assert values[index] >= best - 1e-11 * abs(best), said
    return result.status


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("target", TARGETS)
def test_one_device(kind: str, target: str) -> None:
    seen = [
        check(100 * seed + len(kind), kind, {"": target}, goals)
        for seed in range(2)
        for goals in ("accuracy", "least", "sum", "both")
    ]
    assert "OPTIMAL" in seen


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("target", TARGETS)
def test_one_device_more(kind: str, target: str) -> None:
    for seed in range(2, 5):
        for goals in ("accuracy", "least", "sum", "both"):
            check(100 * seed + len(kind), kind, {"": target}, goals)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize(
    "targets",
    [{"pi": "raspberry-pi-4", "phone": "pixel-3"}, {"pi": "raspberry-pi-4", "chip": "rram"}],
)
def test_several_devices(kind: str, targets: dict[str, str]) -> None:
    for seed in range(2):
        check(seed, kind, targets, ("accuracy", "least", "sum", "both")[seed])
