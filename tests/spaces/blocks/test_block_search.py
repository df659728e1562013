"""Searches of small spaces of blocks, each against all of their networks, one by one.

What is true of a network is what its own layer rows say (`Target.cost`, `nn_degree`, memory).
"""

from __future__ import annotations

import _thread
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from twins.small_block_spaces import MAKERS, choices_of, costs_of, networks_of, space_of

import flash
from flash.errors import ArgumentError

NAMES = tuple(MAKERS)
NAN = math.nan
Told = Mapping[str, Any]


def all_of(name: str, target: str = "cpu-x86") -> list[dict[str, Any]]:
    """What conditions may name of each network: metrics and choices."""
    pairs = zip(costs_of(name, target), networks_of(name), strict=True)
    found = [{**costs, **choices_of(network)} for costs, network in pairs]
    degrees = flash.evaluate(space_of(name), target, range(len(found)))["nn_degree"]
    for one, exact in zip(found, degrees.tolist(), strict=True):
        assert one["nn_degree"] == pytest.approx(exact, rel=1e-12)
        one["nn_degree"] = exact  # in units of 2^-36, so that equal ones are equal
    return found


def agrees(
    found: flash.SearchResult[Any],
    told: list[dict[str, Any]],
    key: Callable[[Told], float],
    fits: Callable[[Told], bool] = lambda one: True,
) -> None:
    """Check a proven answer against every network: larger keys are better."""
    feasible = [key(one) for one in told if fits(one)]
    if not feasible:
        assert found.status == "INFEASIBLE"
        assert found.proven
        return
    assert found.status == "OPTIMAL"
    assert found.proven
    assert found.index is not None
    own = told[found.index]
    assert fits(own)
    assert key(own) == pytest.approx(max(feasible), rel=1e-12)
    for name in ("nn_degree", "params", "macs"):
        assert getattr(found, name) == pytest.approx(own[name], rel=1e-12)
    assert found.latency_ms is None or found.latency_ms == own.get("latency_ms")


def middle(told: list[dict[str, Any]], name: str, share: float = 0.4) -> float:
    return float(np.quantile([one[name] for one in told], share))


def degree(one: Told) -> float:
    return float(one["nn_degree"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["cpu-x86", "raspberry-pi-4", "rram", "cortex-m7", "fpga-k26"])
def test_costs_of_all_networks(name: str, target: str) -> None:
    device = flash.Target.load(target)
    rows = flash.evaluate(space_of(name), target, range(space_of(name).size))
    costs = costs_of(name, target)
    for metric in (*device.metrics, "params", "macs"):
        assert rows[metric].tolist() == [one[metric] for one in costs], metric
    degrees = [one["nn_degree"] for one in costs]
    assert rows["nn_degree"] == pytest.approx(degrees, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["shgo", "exact"])
def test_budgets(name: str, method: str) -> None:
    told = all_of(name)
    for share in (0.0, 0.05, 0.5):
        latency, params = middle(told, "latency_ms", share), middle(told, "params", 0.6)
        found = flash.search(
            space_of(name), "cpu-x86", max_latency_ms=latency, max_params=params, method=method
        )
        agrees(
            found,
            told,
            degree,
            lambda one: bool(one["latency_ms"] <= latency and one["params"] <= params),  # noqa: B023
        )
    found = flash.search(space_of(name), "cpu-x86", max_latency_ms=1e-6, method=method)
    agrees(found, told, degree, lambda one: False)
    assert found.least == {"max_latency_ms": min(one["latency_ms"] for one in told)}


@pytest.mark.parametrize("name", NAMES)
def test_goals(name: str) -> None:
    space, told = space_of(name), all_of(name)
    least = middle(told, "nn_degree", 0.7)
    found = flash.search(space, "cpu-x86", minimize="latency_ms", min_nn_degree=least)
    agrees(found, told, lambda one: -one["latency_ms"], lambda one: bool(degree(one) >= least))
    found = flash.search(space, "cpu-x86", objective={"sum": {"nn_degree": 1, "latency_ms": -900}})
    agrees(found, told, lambda one: one["nn_degree"] - 900 * one["latency_ms"])
    found = flash.search(space, "cpu-x86", objective={"accuracy": 1, "latency_ms": -1})
    agrees(found, told, lambda one: one["nn_degree"] / one["latency_ms"])
    found = flash.search(space, "cpu-x86", minimize=["params", "latency_ms"])
    agrees(found, told, lambda one: -one["params"])
    assert found.params is not None
    most = found.params
    ties = [one["latency_ms"] for one in told if one["params"] == most]
    assert found.latency_ms == min(ties)


CONDITIONS: dict[str, list[tuple[str, Callable[[Told], bool]]]] = {
    "of-stages": [
        ("width_b > width_a", lambda o: o["width_b"] > o["width_a"]),
        ("depth_a == depth_b", lambda o: o["depth_a"] == o["depth_b"]),
        ("depth_a < depth_b", lambda o: o["depth_a"] < o["depth_b"]),
        (
            "kernel_a_0 == 5 and width_a == 8",
            lambda o: o.get("kernel_a_0") == 5 and o["width_a"] == 8,
        ),
        ("kernel_a_0 == kernel_b", lambda o: o.get("kernel_a_0", NAN) == o.get("kernel_b", NAN)),
        ("option_a_0 == 'plain'", lambda o: o["option_a_0"] == "plain"),
        ("option_a_0 == option_b", lambda o: o["option_a_0"] == o["option_b"]),
        ("option_a_1 != 'none'", lambda o: o["option_a_1"] not in ("", "none")),
        (
            "block_b == 'mb kernel 3 expansion 2'",
            lambda o: o["block_b"] == "mb kernel 3 expansion 2",
        ),
        ("act_b == 'gelu'", lambda o: o.get("act_b") == "gelu"),
        ("kernel_b in (3, 5)", lambda o: o.get("kernel_b") in (3, 5)),
        ("option_a_1 in ('mb', 'none')", lambda o: o["option_a_1"] in ("mb", "none")),
        (
            "not (depth_b == 3 or option_b == 'plain') and latency_ms >= 0.03",
            lambda o: (
                not (o["depth_b"] == 3 or o["option_b"] == "plain") and o["latency_ms"] >= 0.03
            ),
        ),
        (
            "(expansion_b == 1 or depth_a == 1) and latency_ms / params <= 1e-5",
            lambda o: (
                (o.get("expansion_b") == 1 or o["depth_a"] == 1)
                and o["latency_ms"] / o["params"] <= 1e-5
            ),
        ),
        ("option_a_1 != 'plain'", lambda o: o["option_a_1"] not in ("", "plain")),
        ("not option_a_1 == 'plain'", lambda o: o["option_a_1"] not in ("", "plain")),
        ("option_a_1 not in ('plain', 'none')", lambda o: o["option_a_1"] == "mb"),
        ("kernel_a_1 != 3", lambda o: o.get("kernel_a_1", 3) != 3),
        ("not kernel_a_1 == 3", lambda o: o.get("kernel_a_1", 3) != 3),
        ("kernel_a_1 not in (3, 7)", lambda o: o.get("kernel_a_1", 3) != 3),
        ("act_b != act_a_0", lambda o: len({o.get("act_b", ""), o.get("act_a_0", ""), ""}) == 3),
        (
            "not kernel_a_1 == kernel_b",
            lambda o: "kernel_a_1" in o and "kernel_b" in o and o["kernel_a_1"] != o["kernel_b"],
        ),
        ("kernel_a_1 < kernel_b", lambda o: o.get("kernel_a_1", NAN) < o.get("kernel_b", NAN)),
        ("block_a_0 == block_a_1", lambda o: o["block_a_0"] == o["block_a_1"]),
        (
            "not kernel_a_1 <= kernel_a_0",
            lambda o: o.get("kernel_a_1", NAN) > o.get("kernel_a_0", NAN),
        ),
        (
            "kernel_a_0 == kernel_b and (option_a_1 == 'none' or kernel_a_1 == kernel_b)",
            lambda o: (
                "kernel_b" in o
                and o.get("kernel_a_0") == o["kernel_b"]
                and (o["option_a_1"] == "none" or o.get("kernel_a_1") == o["kernel_b"])
            ),
        ),
    ],
    "of-blocks": [
        ("width_a == 16 and depth_a == 3", lambda o: o["width_a"] == 16 and o["depth_a"] == 3),
        ("kernel_a_1 == 5", lambda o: o.get("kernel_a_1") == 5),
        (
            "kernel_a_0 <= kernel_a_1",
            lambda o: o.get("kernel_a_0", NAN) <= o.get("kernel_a_1", NAN),
        ),
        (
            "kernel_a_1 == kernel_a_2",
            lambda o: o.get("kernel_a_1", NAN) == o.get("kernel_a_2", NAN),
        ),
        ("block_a_1 == block_a_2", lambda o: o["block_a_1"] == o["block_a_2"] != ""),
        ("option_a_2 == 'mb'", lambda o: o["option_a_2"] == "mb"),
        (
            "option_a_1 == 'none' and option_b == 'mb'",
            lambda o: o["option_a_1"] == "none" and o["option_b"] == "mb",
        ),
    ],
    "of-sizes": [
        ("input == 16", lambda o: o["input"] == 16),
        (
            "width_multiplier < 1 and width_b == 32",
            lambda o: o["width_multiplier"] < 1 and o["width_b"] == 32,
        ),
        (
            "input >= 20 and depth_a == 2 and option_a_1 == 'none'",
            lambda o: o["input"] >= 20 and o["depth_a"] == 2 and o["option_a_1"] == "none",
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "place"), [(name, k) for name, some in CONDITIONS.items() for k in range(len(some))]
)
def test_conditions(name: str, place: int) -> None:
    text, fits = CONDITIONS[name][place]
    space, told = space_of(name), all_of(name)
    expected = [k for k, one in enumerate(told) if fits(one)]
    assert 0 < len(expected) < len(told)
    latency = middle(told, "latency_ms", 0.6)
    found = flash.search(space, "cpu-x86", where=text, max_latency_ms=latency)
    agrees(found, told, degree, lambda one: bool(fits(one) and one["latency_ms"] <= latency))
    agrees(flash.search(space, "cpu-x86", where=text), told, degree, fits)
    swept = flash.sweep(space, "cpu-x86", where=text, top=3, pareto=("params", "latency_ms"))
    assert swept.feasible == len(expected)
    assert swept.top[0].nn_degree == pytest.approx(max(degree(told[k]) for k in expected))
    front = flash.pareto(space, "cpu-x86", where=text)
    assert front.status == "OPTIMAL"
    points = [(-told[k]["nn_degree"], told[k]["latency_ms"]) for k in expected]
    assert len(front) == len(best_of(points))


def best_of(points: list[tuple[float, ...]]) -> set[tuple[float, ...]]:
    """Return the points that no other dominates, each once."""
    different = set(points)
    return {
        one
        for one in different
        if not any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in different
        )
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("objectives", [("accuracy", "latency_ms"), ("accuracy", "params", "macs")])
def test_fronts(name: str, objectives: tuple[str, ...]) -> None:
    space, told = space_of(name), all_of(name)
    keys = ["nn_degree" if one == "accuracy" else one for one in objectives]
    signs = [-1.0 if one == "nn_degree" else 1.0 for one in keys]
    expected = best_of(
        [tuple(s * one[k] for s, k in zip(signs, keys, strict=True)) for one in told]
    )
    front = flash.pareto(space, "cpu-x86", objectives=objectives)
    assert front.status == "OPTIMAL"
    got = best_of(
        [tuple(s * told[i][k] for s, k in zip(signs, keys, strict=True)) for i in indices(front)]
    )
    assert got == expected
    assert len(front) == len(expected)
    assert flash.ParetoFront.from_json(front.to_json()) == front
    assert front.architectures[0] == front[0].architecture
    assert len(front.to_frame()) == len(front)
    most = middle(told, "memory_kib", 0.3)
    front = flash.pareto(space, "cpu-x86", objectives=objectives, max_memory_kib=most)
    expected = best_of(
        [
            tuple(s * one[k] for s, k in zip(signs, keys, strict=True))
            for one in told
            if one["memory_kib"] <= most
        ]
    )
    assert len(front) == len(expected)


def indices(front: flash.ParetoFront) -> list[int]:
    return [front.space.index(one.x or ()) for one in front]


@pytest.mark.parametrize("name", NAMES)
def test_memory(name: str) -> None:
    space, told = space_of(name), all_of(name)
    for share in (0.1, 0.5):
        memory, weights = middle(told, "memory_kib", share), middle(told, "weights_kib", 0.5)

        def fits(one: Told, memory: float = memory, weights: float = weights) -> bool:
            return bool(one["memory_kib"] <= memory and one["weights_kib"] <= weights)

        budgets: dict[str, Any] = {"max_memory_kib": memory, "max_weights_kib": weights}
        found = flash.search(space, "cpu-x86", **budgets)
        agrees(found, told, degree, fits)
        if found.success:
            assert found.memory_kib == told[found.index or 0]["memory_kib"]
        swept = flash.sweep(space, "cpu-x86", top=1, **budgets)
        assert swept.feasible == sum(map(fits, told))


def test_bits_and_integers() -> None:
    """What a space of 8 bits takes, and what a target that runs networks in integers counts."""
    from twins.small_block_spaces import of_stages

    space = of_stages(bits=8, name="of-bytes")
    networks = [space.decode(index) for index in range(0, space.size, 7)]
    peaks = sorted(one.peak_memory_kib for one in networks)
    found = flash.search(space, "cpu-x86", max_memory_kib=peaks[len(peaks) // 3])
    assert found.architecture is not None
    assert found.architecture.peak_memory_kib <= peaks[len(peaks) // 3]
    fit = [one for one in networks if one.peak_memory_kib <= peaks[len(peaks) // 3]]
    assert (found.nn_degree or 0) >= max(map(flash.nn_degree, fit)) * (1 - 1e-12)
    assert networks[5].weights_kib < 0.3 * space_of("of-stages").decode(35).weights_kib
    told = all_of("of-stages")
    board = flash.Target.load("cortex-m7").with_memory(sram_kib=12, flash_kib=50)
    small = [one.network().with_bits(8) for one in networks_of("of-stages")]
    fits = [k for k, one in enumerate(small) if one.peak_memory_kib <= 12 and one.weights_kib <= 10]
    assert 0 < len(fits) < len(small)
    answer = flash.search(space_of("of-stages"), board)
    assert answer.proven
    assert answer.index in fits
    assert answer.nn_degree == pytest.approx(max(told[k]["nn_degree"] for k in fits))


@pytest.mark.parametrize("name", NAMES)
def test_several_networks(name: str) -> None:
    space, told = space_of(name), all_of(name)
    latency = middle(told, "latency_ms", 0.5)
    order = sorted((degree(one) for one in told if one["latency_ms"] <= latency), reverse=True)
    found = flash.search(space, "cpu-x86", k=6, max_latency_ms=latency)
    some = [found, *found.alternatives]
    assert len({one.x for one in some}) == 6
    for one in some:
        assert (one.latency_ms or 0) <= latency
    if name != "of-blocks":  # where each block is a cell, the place of a skip tells them apart
        blocks = [one.architecture.blocks for one in some if one.architecture is not None]
        sizes = [one.architecture.input_shape for one in some if one.architecture is not None]
        assert len(set(zip(blocks, sizes, strict=True))) == 6
    assert degree(told[found.index or 0]) == pytest.approx(order[0])
    # greedy: each the best of those that differ enough from all before it
    apart = flash.search(space, "cpu-x86", k=3, min_distance=3, max_latency_ms=latency)
    taken: list[tuple[int, ...]] = []
    rows = np.array([one.row for one in networks_of(name)])
    fits = np.array([one["latency_ms"] <= latency for one in told])
    scores = np.array([degree(one) for one in told])
    for one in (apart, *apart.alternatives):
        far = fits.copy()
        for other in taken:
            far &= (rows != np.array(other)).sum(axis=1) >= 3
        assert one.x is not None
        assert far[space.index(one.x)]
        assert one.nn_degree == pytest.approx(scores[far].max())
        taken.append(one.x)


def test_confidence_together_and_fleets() -> None:
    space, told = space_of("of-stages"), all_of("of-stages")
    device = flash.Target.load("cpu-x86")
    latency = 0.05
    found = flash.search(space, "cpu-x86", max_latency_ms=latency, confidence=0.8)
    networks = networks_of("of-stages")
    assert found.architecture is not None
    assert device.interval(found.architecture, 0.8)["latency_ms"][1] <= latency
    assert found.proven
    for k, one in enumerate(told):
        if degree(one) <= degree(told[found.index or 0]) or one["latency_ms"] > latency:
            continue
        assert device.interval(networks[k], 0.8)["latency_ms"][1] > latency
    other = costs_of("of-stages", "raspberry-pi-4")
    slow = float(np.quantile([one["latency_ms"] for one in other], 0.4))
    latency = middle(told, "latency_ms", 0.3)
    both = flash.search(
        space,
        flash.together(x="cpu-x86", pi="raspberry-pi-4"),
        where=[f"latency_ms@x <= {latency!r}", f"latency_ms@pi <= {slow!r}"],
    )
    fits = [
        k
        for k, one in enumerate(told)
        if one["latency_ms"] <= latency and other[k]["latency_ms"] <= slow
    ]
    assert both.proven
    assert both.index in fits
    assert both.nn_degree == pytest.approx(max(degree(told[k]) for k in fits))
    fleet = flash.search(space, ["cpu-x86", "raspberry-pi-4"], max_latency_ms=[latency, slow])
    agrees(fleet[0], told, degree, lambda one: bool(one["latency_ms"] <= latency))
    again = [{**one, **choices_of(net)} for one, net in zip(other, networks, strict=True)]
    agrees(fleet[1], again, degree, lambda one: bool(one["latency_ms"] <= slow))
    assert flash.FleetResult.from_json(fleet.to_json(), space)[1].x == fleet[1].x


@pytest.mark.filterwarnings("ignore::flash.errors.NotCalibratedWarning")
@pytest.mark.parametrize("kind", ["nn-degree", "topology"])
@pytest.mark.parametrize("name", ["of-stages", "of-blocks"])
def test_predictors(kind: str, name: str) -> None:
    space, told, networks = space_of(name), all_of(name), networks_of(name)
    some = networks[:: len(networks) // 40]
    accuracies = [0.3 + 0.04 * math.log(one.params) + 0.01 * math.log(one.macs) for one in some]
    predictor = flash.AccuracyPredictor.fit(some, accuracies, kind=kind)
    predicted = predictor.predict(networks)
    for one, value in zip(told, predicted, strict=True):
        one["accuracy"] = float(value)
    latency = middle(told, "latency_ms", 0.4)

    def fits(one: Told) -> bool:
        return bool(one["latency_ms"] <= latency)

    found = flash.search(space, "cpu-x86", predictor=predictor, max_latency_ms=latency)
    assert found.proven
    assert found.accuracy == pytest.approx(
        max(one["accuracy"] for one in told if fits(one)), abs=1e-9
    )
    assert found.accuracy == pytest.approx(told[found.index or 0]["accuracy"], abs=1e-12)
    rows = flash.evaluate(space, "cpu-x86", range(space.size), predictor=predictor)
    assert rows["accuracy"] == pytest.approx(predicted, abs=1e-9)
    assert rows["nn_degree"] == pytest.approx([one["nn_degree"] for one in told])
    least = middle(told, "accuracy", 0.7)
    found = flash.search(
        space, "cpu-x86", predictor=predictor, min_accuracy=least, minimize="latency_ms"
    )
    assert found.latency_ms == min(one["latency_ms"] for one in told if one["accuracy"] >= least)
    swept = flash.sweep(space, "cpu-x86", predictor=predictor, top=1)
    assert swept.top[0].accuracy == pytest.approx(max(one["accuracy"] for one in told), abs=1e-9)
    again = flash.AccuracyPredictor.from_dict(flash_json(predictor.to_json()))
    assert again == predictor
    assert again.trained[0][0] == predictor.trained[0][0]


def flash_json(text: str) -> Any:
    import json

    return json.loads(text)


def test_limits() -> None:
    space = space_of("of-stages")
    seen: list[flash.Event] = []

    def stop(event: Any) -> bool:
        seen.append(event)
        return True

    found = flash.search(space, "cpu-x86", max_latency_ms=0.03, callback=stop)
    assert seen
    assert found.stopped in (None, "callback")
    found = flash.search(space, "cpu-x86", max_evals=1)
    assert found.status in ("OPTIMAL", "FEASIBLE", "STOPPED", "UNKNOWN")
    found = flash.search(space, "cpu-x86", time_limit_s=10.0, max_latency_ms=0.03)
    assert found.proven


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(),
    reason="signals are the main thread's",
)
def test_interrupted() -> None:
    space = space_of("of-stages")
    found = flash.search(
        space,
        "cpu-x86",
        objective=lambda columns: interrupting(columns["nn_degree"]),
    )
    assert found.stopped == "interrupt"


def interrupting(scores: Any) -> Any:
    _thread.interrupt_main()
    return scores


@pytest.mark.parametrize(
    "method",
    [
        "random",
        "evolution",
        "pnas",
        "fp-nas",
        "parsec",
        "netadapt-v2",
        "netadapt",
        "hurricane",
        "spos",
    ],
)
@pytest.mark.parametrize("name", ["of-stages", "of-blocks"])
def test_methods_of_other_papers(method: str, name: str) -> None:
    told = all_of(name)
    latency = middle(told, "latency_ms", 0.5)
    found = flash.search(
        space_of(name), "cpu-x86", method=method, max_evals=120, max_latency_ms=latency, seed=2,
        options={"surrogate": "ridge"} if method == "pnas" else None,  # others: tests/methods
    )  # fmt: skip
    best = max(degree(one) for one in told if one["latency_ms"] <= latency)
    assert found.success
    own = told[found.index or 0]
    assert own["latency_ms"] == found.latency_ms <= latency
    assert found.nn_degree == pytest.approx(own["nn_degree"])
    assert found.upper_bound == pytest.approx(best)


def test_comparison() -> None:
    space, told = space_of("of-stages"), all_of("of-stages")
    latency = middle(told, "latency_ms", 0.5)
    found = flash.compare(
        space, "cpu-x86", methods=["shgo", "random", draws], seeds=2, max_evals=60,
        max_latency_ms=latency,
    )  # fmt: skip
    best = max(degree(one) for one in told if one["latency_ms"] <= latency)
    assert found.optimum == pytest.approx(best)
    assert flash.Comparison.from_json(found.to_json()).optimum == found.optimum
    assert "of-stages on cpu-x86" in str(found)


def draws(task: flash.Task) -> None:
    """A method of one's own: rows drawn at random."""
    task.evaluate(task.draw(20))


def test_what_does_not_fit_is_refused() -> None:
    space = space_of("of-stages")
    with pytest.raises(ArgumentError, match="'hao' searches one of the four families"):
        flash.search(space, "cpu-x86", method="hao")
    with pytest.raises(ArgumentError, match="codesign is for the families' spaces"):
        flash.search(space, "fpga-k26", codesign=True)
    with pytest.raises(ArgumentError, match="codesign is for the families' spaces"):
        flash.pareto(space, "fpga-k26", codesign=True)
    with pytest.raises(ArgumentError, match=r"for a space of blocks, .* use target.on_tile\(512\)"):
        flash.search(space, "rram-neurosim")
    one = flash.Target.load("rram-neurosim").on_tile(512)
    assert flash.search(space, one).proven
    with pytest.raises(ArgumentError, match="no choice: 'kernel_c'; did you mean 'kernel_b'"):
        flash.search(space, "cpu-x86", where="kernel_c == 3")


def test_functions_that_judge() -> None:
    space, told = space_of("of-stages"), all_of("of-stages")
    found = flash.search(
        space, "cpu-x86", objective=lambda columns: columns["nn_degree"] - columns["params"] / 1e3
    )
    own = told[found.index or 0]
    assert found.objective == pytest.approx(own["nn_degree"] - own["params"] / 1e3)
    found = flash.search(
        space, "cpu-x86", method="random", max_evals=30,
        evaluator=lambda nets: [one.params * 1e-7 for one in nets],
    )  # fmt: skip
    assert found.architecture is not None
    assert found.accuracy is None or found.accuracy <= 1
