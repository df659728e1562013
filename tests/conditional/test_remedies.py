"""Why no network meets conditions, and what would do: as by complete enumeration."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_confident_within import LEVEL, ends_of
from conditional.test_search_within import columns, columns_of, mask_of

SPACE = flash.DenseNet(depths=flash.Range(3, 5), skips=[0, 16, 40], cells=[2, 3], resolution=16)


def minimal(masks: dict[str, Any]) -> set[frozenset[str]]:
    """The minimal sets of conditions that nothing meets."""
    found: set[frozenset[str]] = set()
    for size in range(1, len(masks) + 1):
        for some in combinations(masks, size):
            if any(one <= set(some) for one in found):
                continue
            if not np.logical_and.reduce([masks[name] for name in some]).any():
                found.add(frozenset(some))
    return found


def with_(text: str, value: float) -> str:
    left, sign, _ = text.rsplit(" ", 2)
    return f"{left} {'<=' if '<' in sign else '>='} {value!r}"


def hits(sets: set[frozenset[str]], fixed: set[str]) -> set[frozenset[str]]:
    """The minimal sets of conditions with a number that have something of every set."""
    names = sorted(set().union(*sets) - fixed)
    found: set[frozenset[str]] = set()
    for size in range(1, len(names) + 1):
        for some in map(frozenset, combinations(names, size)):
            if all(some & one for one in sets) and not any(one <= some for one in found):
                found.add(some)
    return found


def check(table: Any, where: list[str], fixed: set[str], result: Any, shares: float) -> None:
    masks = {text: mask_of(text, table) for text in where}
    sets = minimal(masks)
    assert {frozenset(one) for one in result.conflicts} == sets
    for one in result.conflicts:
        for text, value in one.items():
            if text in fixed:
                assert value is None
                continue
            others = np.logical_and.reduce([masks[t] for t in one if t != text] or [True])
            assert (mask_of(with_(text, value), table) & others).any()
            further = value * (1 - 1e-9) if "<" in text else value * (1 + 1e-9)
            assert not (mask_of(with_(text, further), table) & others).any()
    wanted = hits(sets, fixed)
    assert {frozenset(one) for one in result.remedies} == wanted
    for remedy in result.remedies:
        eased = {text: with_(text, remedy[text]) if text in remedy else text for text in where}
        assert np.logical_and.reduce([mask_of(text, table) for text in eased.values()]).any()
        for text, value in remedy.items():  # none of its numbers can be nearer
            further = value * (1 - 1e-9) if "<" in text else value * (1 + 1e-9)
            nearer = [mask_of(t, table) for t in {**eased, text: with_(text, further)}.values()]
            assert not np.logical_and.reduce(nearer).any(), (remedy, text)
        if len(remedy) > 1:  # no network meets all with clearly less of a common share
            share = max(
                max(remedy[t] / given, given / remedy[t])
                for t in remedy
                for given in [float(t.rsplit(" ", 1)[1])]
            )
            assert share < shares


@pytest.mark.parametrize("target", ["raspberry-pi-4", "rram"])
def test_sets_and_joint_remedies(target: str) -> None:
    table = columns_of(SPACE, (("", target),))
    seen: set[int] = set()
    for seed in range(6):
        draw = random.Random(seed)
        low, high = (np.quantile(table["latency_ms"], q) for q in (0.02, 0.97))
        macs = np.quantile(table["macs"], draw.choice([0.9, 0.6]))
        where = [
            f"latency_ms <= {float(low)!r}", f"macs >= {float(macs)!r}",
            draw.choice(["depth_0 >= depth_1", "cells == 3"]),
            f"nn_degree >= {float(np.quantile(table['nn_degree'], 0.95))!r}",
            f"params <= {float(np.quantile(table['params'], 0.05))!r}",
        ]  # fmt: skip
        if draw.random() < 0.3:
            where[1] = f"latency_ms >= {float(high)!r}"
        where = where if seed % 2 else where[:3]
        result = flash.search(SPACE, target, where=where)
        assert result.status == "INFEASIBLE"
        check(table, where, {where[2]}, result, 1e3)
        seen |= {len(one) for one in result.remedies}
        again = flash.SearchResult.from_json(result.to_json())
        assert (again.conflicts, again.remedies) == (result.conflicts, result.remedies)
        assert "exclude each other" in result.message or "alone" in result.message
    assert {1, 2} <= seen


def test_the_common_share_is_the_least() -> None:
    table = columns_of(SPACE, (("", "cpu-x86"),))
    latency, params = table["latency_ms"], table["params"]
    given = 0.5 * float(latency.min()), 0.6 * float(params.min())
    result = flash.search(
        SPACE, "cpu-x86", where="depth_0 == 5", max_latency_ms=given[0], max_params=given[1]
    )
    deep = table["depth_0"] == 5
    least = np.maximum(latency[deep] / given[0], params[deep] / given[1]).min()
    (remedy,) = result.remedies
    assert set(remedy) == {"max_latency_ms", "max_params"}
    share = max(remedy["max_latency_ms"] / given[0], remedy["max_params"] / given[1])
    assert least <= share <= least * 1.01  # of halvings of a share between 2^n and 2^(2n)
    changed: Any = dict(remedy)
    assert flash.search(SPACE, "cpu-x86", where="depth_0 == 5", **changed).status == "OPTIMAL"
    assert f"max_latency_ms: {remedy['max_latency_ms']!r}" in result.message


def test_what_holds_on_several_devices_or_with_confidence() -> None:
    space = flash.ResNet(width_multipliers=[1], depths=[1, 2, 4], skips=[0, 16], cells=3)
    devices = {"pi": "raspberry-pi-4", "chip": "rram"}
    table = columns(space, devices)
    mask = table["depth_0"] >= 2
    worst = np.maximum(table["latency_ms@pi"], table["latency_ms@chip"])[mask].min()
    result = flash.search(
        space, flash.together(**devices), where="depth_0 >= 2", max_latency_ms=0.5 * float(worst)
    )
    assert result.remedies[0]["max_latency_ms"] == pytest.approx(worst, rel=1e-4)
    assert result.remedies[0]["max_latency_ms"] >= worst
    ends = ends_of(space, "rram")["latency_ms"]
    least = float(ends[table["depth_0"] >= 2].min())
    asked: Any = {"where": "depth_0 >= 2", "confidence": LEVEL}
    sure = flash.search(space, "rram", max_latency_ms=0.9 * least, **asked)
    (remedy,) = sure.remedies
    assert remedy["max_latency_ms"] == pytest.approx(least, rel=1e-4)
    assert flash.search(space, "rram", **remedy, **asked).status == "OPTIMAL"


def test_accuracies() -> None:
    nets = [SPACE.decode(i) for i in range(0, SPACE.size, 151)]
    rng = np.random.default_rng(1)
    accuracies = [0.9 - 2e5 / (1e6 + net.macs) + rng.normal(0, 0.002) for net in nets]
    predictor = flash.AccuracyPredictor.fit(nets, accuracies)
    table = columns(SPACE, {"": "cpu-x86"}, predictor)
    limit = float(np.quantile(table["latency_ms"], 0.05))
    mask = table["latency_ms"] <= limit
    best = table["accuracy"][mask].max()
    at = 0.5 * float(best + table["accuracy"].max())
    for given in ({"min_accuracy": at}, {"where": f"accuracy >= {at!r}"}):
        result = flash.search(
            SPACE, "cpu-x86", predictor=predictor, max_latency_ms=limit, k=2, **given
        )
        (conflict,) = result.conflicts
        (name,) = [one for one in conflict if one != "max_latency_ms"]
        fast = float(table["latency_ms"][table["accuracy"] >= at].min())
        assert conflict == {name: pytest.approx(best, rel=1e-12), "max_latency_ms": fast}
        assert result.remedies == tuple({one: value} for one, value in conflict.items())
