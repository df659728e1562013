"""Each form of condition, predictors, refusals by name, and what ends a search early."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_search_within import columns, mask_of
from flash.errors import ArgumentError, ArgumentTypeError, FlashError

SPACE = flash.DenseNet(
    width_multipliers=[1, 2], depths=flash.Range(3, 5), skips=[0, 16, 40], cells=[2, 3],
    resolution=16,
)  # fmt: skip
TARGET = "raspberry-pi-4"
TABLE = columns(SPACE, {"": TARGET})


def is_(name: str, *values: float) -> Any:
    return np.isin(TABLE[name], values)


CELLS = ~np.isnan(TABLE["depth_2"])
FORMS: dict[str, Any] = {
    "depth_0 == depth_1": lambda t: t["depth_0"] == t["depth_1"],
    "depth_1 > depth_0": lambda t: t["depth_1"] > t["depth_0"],
    "depth_0 <= depth_1 <= depth_2": lambda t: (
        CELLS & (t["depth_0"] <= t["depth_1"]) & (t["depth_1"] <= t["depth_2"])
    ),
    "depth_0 in (3, 5)": lambda t: is_("depth_0", 3, 5),
    "depth_2 not in (3, 5)": lambda t: is_("depth_2", 4),
    "cells in (2, 7)": lambda t: is_("cells", 2),
    "cells not in [2]": lambda t: is_("cells", 3),
    "width_multiplier == 1 and skips_0 != 0": lambda t: (
        is_("width_multiplier", 1) & ~is_("skips_0", 0)
    ),
    "depth_0 == 5 or cells == 2": lambda t: is_("depth_0", 5) | is_("cells", 2),
    "not (depth_0 == 3 and depth_1 == 3)": lambda t: ~(is_("depth_0", 3) & is_("depth_1", 3)),
    # implied: whoever is wide is shallow
    "width_multiplier == 1 or depth_1 <= 3": lambda t: (
        is_("width_multiplier", 1) | (t["depth_1"] <= 3)
    ),
    # of a cell that a network has not nothing is met, nor its opposite
    "depth_2 != 4": lambda t: CELLS & ~is_("depth_2", 4),
    "not (depth_2 == 4)": lambda t: CELLS & ~is_("depth_2", 4),
    "depth_2 == 4 or cells == 2": lambda t: is_("depth_2", 4) | is_("cells", 2),
    "resolution == 16": lambda t: is_("resolution", 16),
    "10 <= latency_ms <= 20": lambda t: (t["latency_ms"] >= 10) & (t["latency_ms"] <= 20),
    "latency_ms > 20": lambda t: t["latency_ms"] > 20,
    "params / macs <= 0.002": lambda t: t["params"] <= 0.002 * t["macs"],
    "0.002 >= params / macs": lambda t: t["params"] <= 0.002 * t["macs"],
    "macs <= 1e300": lambda t: t["macs"] > 0,
    "macs >= 1e300": lambda t: t["macs"] < 0,
    "nn_degree <= 40.5": lambda t: t["nn_degree"] <= 40.5,
}


@pytest.mark.parametrize("text", FORMS)
def test_every_form_is_answered_as_by_complete_enumeration(text: str) -> None:
    mask = np.broadcast_to(FORMS[text](TABLE), SPACE.size)
    result = flash.search(SPACE, TARGET, where=text)
    assert result.where == (text,)
    if not mask.any():
        assert result.status == "INFEASIBLE"
        assert f"{text.replace('1e300', '1e+300')} alone is met by none" in result.message
        return
    assert result.status == "OPTIMAL"
    assert mask[result.index]
    assert result.objective == TABLE["nn_degree"][mask].max()
    # and a sweep knows the same
    swept = flash.sweep(SPACE, TARGET, where=text, top=1)
    assert swept.feasible == mask.sum()
    assert swept.top[0].objective == result.objective
    assert flash.SearchResult.from_json(result.to_json()) == result


def test_a_network_is_excluded_and_a_part_is_held() -> None:
    first = flash.search(SPACE, TARGET, max_latency_ms=20)
    cells = first.architecture.cells
    same = " and ".join(
        f"depth_{i} == {c.depth} and skips_{i} == {c.skips}" for i, c in enumerate(cells)
    )
    other = flash.search(SPACE, TARGET, max_latency_ms=20, where=f"not ({same})")
    mask = TABLE["latency_ms"] <= 20
    for i, c in enumerate(cells):
        TABLE[f"same_{i}"] = (TABLE[f"depth_{i}"] == c.depth) & (TABLE[f"skips_{i}"] == c.skips)
    every = np.logical_and.reduce([TABLE.pop(f"same_{i}") for i in range(len(cells))])
    # of networks that lack one of these cells nothing is said, and so none is met
    there = np.logical_or(~every, False) & (TABLE["cells"] >= 1)
    assert other.architecture != first.architecture
    assert other.objective == TABLE["nn_degree"][mask & there].max()
    held = flash.search(SPACE, TARGET, where=f"depth_0 == {cells[0].depth} and skips_0 == 0")
    assert held.architecture.cells[0].depth == cells[0].depth
    assert held.architecture.cells[0].skips == 0


def test_no_worse_than_a_network_and_percent_of_a_baseline() -> None:
    i = SPACE.size - 50
    net = SPACE.decode(i)
    base = flash.Target.load(TARGET).cost(net)
    worst = [f"latency_ms <= {base.latency_ms!r}", f"params <= {net.params}"]
    result = flash.search(SPACE, TARGET, where=worst)
    mask = (TABLE["latency_ms"] <= base.latency_ms) & (TABLE["params"] <= net.params)
    assert mask[i]
    assert result.objective == TABLE["nn_degree"][mask].max()
    half = flash.search(SPACE, TARGET, where=f"latency_ms <= 0.5 * {base.latency_ms!r}")
    mask = TABLE["latency_ms"] <= 0.5 * base.latency_ms
    assert half.objective == TABLE["nn_degree"][mask].max()


def test_the_least_of_one_cost_and_then_of_another() -> None:
    result = flash.search(SPACE, TARGET, minimize=["params", "latency_ms"], min_nn_degree=40)
    mask = TABLE["nn_degree"] >= 40
    least = TABLE["params"][mask].min()
    assert result.params == least
    assert result.objective == -least
    assert result.objective_name == "-params, then -latency_ms"
    assert result.latency_ms == TABLE["latency_ms"][mask & (TABLE["params"] == least)].min()
    assert result.where == ("nn_degree >= 40.0",)
    assert "a lower parameters" in str(result)
    weighted = flash.search(SPACE, TARGET, objective={"sum": {"accuracy": 1, "latency_ms": -2}})
    assert weighted.objective_name == "nn_degree - 2 * latency_ms"
    assert weighted.objective == pytest.approx(
        (TABLE["nn_degree"] - 2 * TABLE["latency_ms"]).max(), rel=1e-12
    )


# predictors


def predictors() -> dict[str, Any]:
    nets = [SPACE.decode(i) for i in range(0, SPACE.size, 97)]
    rng = np.random.default_rng(0)
    accuracies = [0.6 + 0.3 * (1 - 1e6 / (1e6 + net.macs)) + rng.normal(0, 0.002) for net in nets]
    return {
        kind: flash.AccuracyPredictor.fit(nets, accuracies, kind=kind)
        for kind in ("topology", "nn-degree")
    }


@pytest.mark.parametrize("kind", ["topology", "nn-degree"])
def test_predicted_accuracies(kind: str) -> None:
    predictor = predictors()[kind]
    accuracy = np.asarray(
        flash.evaluate(SPACE, TARGET, np.arange(SPACE.size), predictor=predictor)["accuracy"]
    )
    at = float(np.quantile(accuracy, 0.8))
    for given in ({"where": f"accuracy >= {at!r}"}, {"min_accuracy": at, "where": "cells == 3"}):
        mask = accuracy >= at
        if "min_accuracy" in given:
            mask = mask & (TABLE["cells"] == 3)
        result = flash.search(SPACE, TARGET, predictor=predictor, minimize="latency_ms", **given)
        assert result.status == "OPTIMAL"
        assert mask[result.index]
        assert result.latency_ms == TABLE["latency_ms"][mask].min()
        assert result.accuracy == accuracy[result.index]
    above = flash.search(
        SPACE, TARGET, predictor=predictor, minimize="params", where=f"accuracy > {at!r}"
    )
    assert above.params == TABLE["params"][accuracy > at].min()
    best = flash.search(SPACE, TARGET, predictor=predictor, where="latency_ms / macs <= 1e-6")
    mask = mask_of("latency_ms <= 1e300", TABLE) & (TABLE["latency_ms"] <= 1e-6 * TABLE["macs"])
    if mask.any():
        assert best.accuracy == best.objective == accuracy[mask].max()
    never = flash.search(SPACE, TARGET, predictor=predictor, where="accuracy >= 0.9999999999")
    assert never.status == ("OPTIMAL" if (accuracy >= 0.9999999999).any() else "INFEASIBLE")
    always = flash.search(SPACE, TARGET, predictor=predictor, where="accuracy >= 0")
    assert always.accuracy == accuracy.max()


# nothing fits


def test_messages_name_minimal_sets() -> None:
    deep, many, latency = is_("depth_0", 5), is_("cells", 3), TABLE["latency_ms"]
    low = max(latency[deep].min(), latency[many].min())
    limit = float(0.5 * (low + latency[deep & many].min()))
    assert limit > low
    asked = ["depth_0 == 5", f"latency_ms <= {limit!r}", "cells == 3", f"macs >= {10**12}"]
    result = flash.search(SPACE, TARGET, where=asked, max_params=1e9)
    assert result.status == "INFEASIBLE"
    assert result.proven

    def meets(*names: str) -> bool:
        mask = np.ones(SPACE.size, bool)
        for name in names:
            mask &= FORMS[name](TABLE) if name in FORMS else mask_of(name, TABLE)
        return bool(mask.any())

    told = result.message.partition("conditions: ")[2].partition("; nearest")[0]
    sets = [one.removesuffix(" exclude each other") for one in told.split("; or ")]
    alone = f"macs >= {10**12} alone is met by none"
    assert sorted(sets) == sorted([alone, f"{asked[1]}, depth_0 == 5 and cells == 3"])
    for one in sets:
        if one == alone:
            continue
        names = [part for text in one.split(" and ") for part in text.split(", ")]
        assert not meets(*names), one
        for name in names:
            assert meets(*(other for other in names if other != name)), (one, name)
    assert "max_params" not in told
    assert "none meets the conditions" in str(result)
    assert flash.SearchResult.from_json(result.to_json()) == result


def test_many_conditions_are_narrowed_to_one_set() -> None:
    harmless = [f"macs >= {n}" for n in range(1, 12)]
    result = flash.search(SPACE, TARGET, where=[*harmless, "depth_0 == 5", "not (depth_0 >= 4)"])
    assert result.message.endswith(": depth_0 == 5 and not depth_0 >= 4 exclude each other")


# refusals

BAD: list[tuple[dict[str, Any], str]] = [
    ({"where": "latency <= 3"}, "did you mean 'latency_ms'"),
    ({"where": "dept_0 == 3"}, "did you mean 'depth_0'"),
    ({"where": "energy_mj <= 3"}, "it names no metric and no choice: 'energy_mj'"),
    ({"where": "accuracy >= 0.9"}, "an accuracy needs a predictor"),
    ({"where": "latency_ms != 3"}, "not compared by !="),
    ({"where": "latency_ms * macs <= 3"}, "product of metrics"),
    ({"where": "depth_0 + latency_ms <= 3"}, "not added to metrics"),
    ({"where": "latency_ms <= 3 or depth_0 == 3"}, "search for each side by itself"),
    ({"where": "depth_0[1] == 3"}, "is not understood"),
    ({"where": "latency_ms in (3, 4)"}, "in is asked of a choice"),
    ({"where": "depth_0 in ('a',)"}, "depth_0 is a number, compared with the text 'a'"),
    ({"where": "depth_0 == 'a'"}, "compared with the text"),
    ({"where": "latency_ms <="}, "cannot be read"),
    ({"where": ""}, "cannot be read"),
    ({"where": f"macs <= 1{'0' * 400}"}, "beyond the range"),
    ({"where": "latency_ms <= 1e999"}, "no finite number"),
    ({"where": "1 <= 2"}, "compares numbers only"),
    ({"where": "macs"}, "is no comparison"),
    ({"where": 3}, "where must be a condition"),
    ({"where": ["macs <= 3", 4]}, "where must be a condition"),
    ({"k": 0}, "k must be an integer from 1"),
    ({"k": 10_001}, "k must be an integer from 1 to 10000"),
    ({"k": "2"}, "k must be"),
    ({"min_distance": 0}, "min_distance must be"),
    ({"k": 2, "min_distance": 10}, "min_distance must be an integer from 1 to 9"),
    ({"minimize": "latency"}, "did you mean 'latency_ms'"),
    ({"minimize": []}, "at least one metric"),
    ({"minimize": "accuracy"}, "objective='accuracy' maximises"),
    ({"minimize": "macs", "objective": "nn_degree"}, "one of objective and minimize"),
    ({"min_nn_degree": -1}, "min_nn_degree must be"),
    ({"min_nn_degree": float("nan")}, "min_nn_degree must be"),
    ({"objective": {"sum": {}}}, "must hold metrics"),
    ({"objective": {"sum": {"latncy_ms": 1}}}, "did you mean 'latency_ms'"),
    ({"objective": {"sum": {"macs": 0}}}, "all weights are 0"),
    ({"objective": []}, "got an empty list"),
    ({"objective": {"accuracy": 1, "latncy_ms": -1}, "where": "macs <= 3"}, "did you mean"),
    ({"objective": ["accuracy", 3]}, "functions go without"),
    ({"objective": lambda t: t["macs"], "where": "macs <= 3"}, "an objective function"),
    ({"where": "macs <= 3", "method": "pnas"}, "method must be one of 'shgo', 'exact' with where"),
    ({"where": "macs <= 3", "confidence": 0.9}, "needs a budget on a cost"),
    ({"where": "macs <= 3", "codesign": True}, "codesign does not go with where"),
    ({"where": "macs <= 3", "evaluator": lambda nets: []}, "evaluator does not go with where"),
    ({"where": "macs <= 3", "journal": "a"}, "journal does not go with where"),
    ({"where": "macs <= 3", "max_energy_mj": 3}, "does not model energy_mj"),
    ({"where": "macs <= 3", "max_evals": 0}, "max_evals must be"),
    ({"where": "macs <= 3", "time_limit_s": 0}, "time_limit_s must be"),
    ({"where": "macs <= 3", "callback": 3}, "callback must be"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_refusals(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.search(SPACE, TARGET, **given)


def test_refusals_of_predicted_accuracies() -> None:
    predictor = predictors()["nn-degree"]
    for given, message in [
        ({"where": "accuracy <= 0.9"}, "it can be at least a number"),
        ({"where": "accuracy + macs >= 0.9"}, "it can be at least a number"),
        ({"objective": {"sum": {"accuracy": 1, "macs": -1}}}, "a predicted accuracy is no sum"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            flash.search(SPACE, TARGET, predictor=predictor, **given)


def test_refusals_of_devices_and_spaces() -> None:
    with pytest.raises(ArgumentError, match="at least one device"):
        flash.together()
    with pytest.raises(FlashError, match="did you mean 'raspberry-pi-4'"):
        flash.together(pi="rpi4")
    with pytest.raises(ArgumentError, match="of the families' spaces, not of 'nas-bench-201'"):
        flash.search("nas-bench-201", TARGET, k=2)
    both = flash.together(pi=TARGET, phone="pixel-3")
    with pytest.raises(ArgumentError, match="did you mean 'latency_ms@p"):
        flash.search(SPACE, both, where="latency_ms <= 3")
    with pytest.raises(ArgumentError, match="none of the devices models energy_mj"):
        flash.search(SPACE, both, max_energy_mj=3)
    with pytest.raises(ArgumentError, match="min_accuracy needs a predictor"):
        flash.search(SPACE, both, min_accuracy=0.5)
    with pytest.raises(ArgumentError, match="models of several tiles"):
        flash.pareto(SPACE, "rram-neurosim", where="depth_0 == 3")
    with pytest.raises(ArgumentError, match="models of several tiles"):
        flash.together(chip="rram-neurosim")
    for name in ("a b", "é", "1a", ""):
        with pytest.raises(ArgumentError, match="names of devices must be"):
            flash.together(**{name: TARGET})


def test_a_budget_holds_on_the_devices_that_model_its_cost() -> None:
    both = flash.together(pi=TARGET, chip="rram")
    table = columns(SPACE, {"pi": TARGET, "chip": "rram"})
    limits = {"max_latency_ms": 20.0, "max_energy_mj": 0.01, "max_area_mm2": 20.0}
    mask = (table["latency_ms@pi"] <= 20) & (table["latency_ms@chip"] <= 20)
    mask &= (table["energy_mj@chip"] <= 0.01) & (table["area_mm2@chip"] <= 20)
    result = flash.search(SPACE, both, **limits)
    assert result.objective == table["nn_degree"][mask].max()
    assert result.costs is not None
    assert result.latency_ms is None
    assert set(result.costs) == set(both.metrics)
    for name, value in result.costs.items():
        assert value == table[name][result.index]
    assert "latency on pi" in str(result)
    assert "of 20 ms" in str(result)


# what ends a search

HARD = flash.DenseNet(cells=8, widths=[16, 32, 48, 64, 96, 112])
ASKED: Any = {"max_latency_ms": 8.0, "where": ["energy_mj / latency_ms <= 0.01", "macs >= 1e8"]}


def check(result: Any, stopped: str) -> None:
    assert result.stopped == stopped
    assert not result.proven
    late = stopped == "time_limit_s"
    assert result.status == (
        "TIME_LIMIT" if late else "FEASIBLE" if result.success else "NOT_FOUND"
    )
    assert stopped in str(result)
    assert flash.SearchResult.from_json(result.to_json()) == result
    if result.success:
        assert result.latency_ms <= 8.0
        assert result.macs >= 1e8
        assert result.energy_mj <= 0.01 * result.latency_ms * (1 + 1e-12)
        assert result.upper_bound is None or result.upper_bound >= result.objective


def test_time_and_evaluations() -> None:
    check(flash.search(HARD, "rram", time_limit_s=1e-9, **ASKED), "time_limit_s")
    check(flash.search(HARD, "rram", time_limit_s=1.0, **ASKED), "time_limit_s")
    check(flash.search(HARD, "rram", max_evals=1, **ASKED), "max_evals")
    one, other = (flash.search(HARD, "rram", max_evals=50, **ASKED) for _ in range(2))
    check(one, "max_evals")
    assert (one.x, one.nfev) == (other.x, other.nfev)


def test_a_callback_ends_it_and_sees_it() -> None:
    seen: list[flash.Event] = []

    def stop(event: flash.Event) -> bool:
        seen.append(event)
        return True

    check(flash.search(HARD, "rram", callback=stop, time_limit_s=60, **ASKED), "callback")
    assert len(seen) == 1


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c() -> None:
    timers: list[threading.Timer] = []

    def listen(_: object) -> None:  # once it searches: what comes before may raise
        if not timers:
            timers.append(threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)))
            timers[0].start()

    try:
        found = flash.search(HARD, "rram", time_limit_s=60, callback=listen, **ASKED)
        check(found, "interrupt")
    finally:
        for timer in timers:
            timer.cancel()


def test_further_networks_that_were_not_found_in_time() -> None:
    every = flash.search(SPACE, TARGET, k=30)
    assert every.stopped is None
    some = flash.search(SPACE, TARGET, k=30, max_evals=every.nfev // 2)
    assert some.proven
    assert some.status == "OPTIMAL"
    assert some.stopped == "max_evals"
    assert 0 < len(some.alternatives) < 29
    assert "ended the search for further networks" in some.message
    pairs = zip(some.alternatives, every.alternatives, strict=False)
    assert all(a.objective == b.objective for a, b in pairs if a.proven)
    assert flash.SearchResult.from_json(some.to_json()) == some
