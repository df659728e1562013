"""A predictor that goes on learning: what it reads, its formulas, and what a search proves by."""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

import numpy as np
import pytest
from twins.predictions import quiet, truth

import flash
from flash import AccuracyPredictor, Network
from flash.errors import ArgumentError, FormatError
from flash.networks.rows import Rows
from flash.predictors import growing
from flash.predictors.features import CHOICES, DESIGN, PART, WHOLE, features_of
from flash.predictors.fitting import left_out, logit, spearman
from flash.predictors.grown import covariance, read
from flash.predictors.predictor import as_predictor

STAGES = ((16, 1), (24, 2), (40, 2), (80, 1))  # width and stride of each


def mobile(choices: tuple[tuple[int, int, int, bool], ...]) -> Network:
    """Return a network of inverted residuals: of each stage expansion, kernel, blocks, gates."""
    table = Rows()
    kind: dict[str, Any] = {"norm": "output", "activation": "relu"}
    at = table.conv(-1, 8, 3, 2, **kind)
    for (width, stride), (expansion, kernel, blocks, gated) in zip(STAGES, choices, strict=True):
        for block in range(blocks):
            source, into = at, table.channels[at]
            wide, step = into * expansion, 1 if block else stride
            if expansion > 1:
                at = table.conv(at, wide, 1, **kind)
            at = table.conv(at, wide, kernel, step, groups=wide, **kind)
            if gated:
                pooled = table.add("pool", [at], wide, mode="global_avg")
                inner = table.conv(pooled, 8, 1, bias=True, activation="relu")
                gate = table.conv(inner, wide, 1, bias=True, activation="sigmoid")
                at = table.add("mul", [at, gate], wide)
            at = table.conv(at, width, 1, norm="output")
            if step == 1 and into == width:
                at = table.add("add", [at, source], width)
    return table.close(at, 10, side=32)


def drawn(count: int, seed: int = 0) -> tuple[list[Network], list[float]]:
    """Return networks, and accuracies that kernels and gates of single stages have a say in."""
    random = Random(seed)
    nets, accuracies = [], []
    for _ in range(count):
        choices = tuple(
            (random.choice((1, 3, 6)), random.choice((3, 5)), random.randint(1, 3),
             random.random() < 0.5)
            for _ in STAGES
        )  # fmt: skip
        z = 0.8 + 0.03 * random.gauss(0.0, 1.0)
        for k, (expansion, kernel, blocks, gated) in enumerate(choices):
            z += 0.1 * math.log(expansion) + 0.08 * blocks
            z += (0.3 if k == 1 else -0.1) * (kernel == 5) + (0.35 if k == 2 else 0.0) * gated
        nets.append(mobile(choices))
        accuracies.append(1.0 / (1.0 + math.exp(-z)))
    return nets, accuracies


NETS, Y = drawn(160)


@pytest.fixture(scope="module")
def fitted() -> AccuracyPredictor:
    return AccuracyPredictor.fit(NETS[:80], Y[:80])


# What is read


def test_names_of_features_are_as_many_as_their_values() -> None:
    found = features_of(NETS[0])
    assert len(found.whole) == len(WHOLE)
    assert WHOLE[: len(DESIGN)] == DESIGN
    assert PART[: len(CHOICES)] == CHOICES
    assert {len(part) for parts in found.parts.values() for part in parts} == {len(PART)}
    assert len(found.parts["runs"]) == 5  # the first convolution, and four stages
    assert features_of(NETS[0]) is found


@pytest.mark.parametrize(
    ("place", "other"), [("kernel", (3, 5, 2, False)), ("gates", (3, 3, 2, True))]
)
def test_networks_that_differ_in_one_stage_differ_in_its_features(place: str, other: Any) -> None:
    plain = (3, 3, 2, False)
    one, two = mobile((plain,) * 4), mobile((plain, plain, other, plain))
    a, b = features_of(one), features_of(two)
    changed = [x != y for x, y in zip(a.parts["runs"], b.parts["runs"], strict=True)]
    assert changed == [False, False, False, True, False]
    name = "log_kernel" if place == "kernel" else "gate_share"
    assert b.parts["runs"][3][PART.index(name)] > a.parts["runs"][3][PART.index(name)]
    assert a.walks != b.walks or place == "gates"
    assert a.counts["levels"] != b.counts["levels"]


def test_networks_of_the_once_for_all_space_are_told_apart_by_kernels_and_gates() -> None:
    space = flash.MobileNetV3()
    nets = space.sample(40, seed=1)
    found = {read([features_of(net)], columns(nets), "cells").tobytes() for net in nets}
    assert len(found) == 40
    assert all(features_of(net).whole[WHOLE.index("gates")] > 0 for net in nets)


def columns(nets: Any) -> Any:
    return growing.columns_of([features_of(net) for net in nets], "cells")


def test_an_architecture_is_read_as_its_rows() -> None:
    net = flash.ResNet().sample(1, seed=3)[0]
    assert features_of(net).parts == features_of(net.network()).parts


def test_pairs_on_random_ways_are_counted() -> None:
    table = Rows()
    stem = table.conv(-1, 8, 3)
    left, right = table.conv(stem, 8, 1), table.conv(stem, 8, 5)
    joined = table.join([left, right])
    net = table.close(table.conv(joined, 8, 3), 10)
    walks = features_of(net).walks
    assert walks["conv3", "conv1"] == walks["conv3", "conv5"] == 1.0
    assert walks["conv1", "conv3"] == walks["conv5", "conv3"] == 0.5
    assert walks["conv3", "conv1", "conv3"] == 0.5
    assert walks["image", "conv3"] == 1.0


# What is fitted


def test_it_grows_where_that_is_better(fitted: AccuracyPredictor) -> None:
    assert fitted.kind == "grown"
    assert fitted.grown is not None
    additive = AccuracyPredictor.fit(NETS[:80], Y[:80], "topology")
    assert fitted.topology == additive.topology
    assert fitted.evidence == additive.evidence
    own = spearman(quiet(fitted.predict, NETS[80:]), Y[80:])
    assert own > spearman(quiet(additive.predict, NETS[80:]), Y[80:]) + 0.05
    assert own > 0.9
    assert fitted.report is not None
    assert additive.report is not None
    names = [row.name for row in fitted.report.rows]
    assert names == ["grown", "topology", "params", "macs", "nn_degree", "regression", "mean"]
    assert fitted.report.rows[1:] == additive.report.rows
    assert fitted.report.earns_its_keep
    assert fitted.report.mae < additive.report.mae


def test_few_networks_are_fitted_as_before() -> None:
    nets, y = NETS[:49], Y[:49]
    assert AccuracyPredictor.fit(nets, y) == AccuracyPredictor.fit(nets, y, kind="topology")
    again = [*NETS[:30], *NETS[:30]]  # as many as it takes, but hardly any differ
    assert AccuracyPredictor.fit(again, [*Y[:30], *Y[30:60]]).kind == "topology"


def test_an_additive_truth_stays_additive() -> None:
    nets = flash.SearchSpace("densenet").sample(70, seed=5)
    assert AccuracyPredictor.fit(nets, truth(nets)).kind == "topology"


def test_left_out_errors_are_those_of_processes_without_each_network() -> None:
    random = np.random.default_rng(0)
    x, z = random.normal(size=(14, 3)), random.normal(size=14)
    x[5] = x[4]
    groups = np.array([0, 1, 2, 3, 4, 4, *range(5, 13)])
    z -= z.mean()
    one: Any = (np.array([0.3, 0.1, 0.0]), np.array([0.2, 0.2, 0.5]), 0.7)
    noise = 0.2
    k = covariance(x, x, *one)
    hat = k @ np.linalg.inv(k + noise * np.eye(14))
    errors, variances = left_out(hat, z - hat @ z, groups)
    for at in range(14):
        rest = np.flatnonzero(groups != groups[at])
        inner = covariance(x[rest], x[rest], *one) + noise * np.eye(len(rest))
        across = covariance(x[[at]], x[rest], *one)[0]
        assert errors[at] == pytest.approx(z[at] - across @ np.linalg.solve(inner, z[rest]))
        left = k[at, at] - across @ np.linalg.solve(inner, across)
        assert variances[at] == pytest.approx(1.0 + left / noise)


def test_covariances_are_as_written() -> None:
    a, b = [0.5, -1.0], [2.0, 0.25]
    linear, narrow, amplitude = [0.3, 0.0], [0.5, 0.1], 0.8
    square = sum(n * (x - y) ** 2 for n, x, y in zip(narrow, a, b, strict=True))
    r = math.sqrt(5.0 * square)
    both = sum(w * x * y for w, x, y in zip(linear, a, b, strict=True))
    by_hand = 1.0 + both + amplitude * (1.0 + r + r * r / 3.0) * math.exp(-r)
    got = covariance(np.array([a]), np.array([b]), np.array(linear), np.array(narrow), amplitude)
    assert got[0, 0] == pytest.approx(by_hand)


def test_predictions_are_those_of_the_process_and_its_additive_part(
    fitted: AccuracyPredictor,
) -> None:
    grown = fitted.grown
    assert grown is not None
    assert 0.0 < grown.share <= 1.0
    x, z = np.array(grown.rows), np.array(grown.targets)
    one: Any = (np.array(grown.linear), np.array(grown.narrow), grown.amplitude)
    k = covariance(x, x, *one) + grown.noise * np.eye(len(z))
    for net in NETS[80:84]:
        own = read([features_of(net)], grown.columns, grown.partition)
        own = (own - np.array(grown.centre)) / np.array(grown.scale)
        across = covariance(own, x, *one)[0]
        said = z.mean() + across @ np.linalg.solve(k, z - z.mean())
        plain = logit(np.array([fitted.additive.predict_one(net)]))[0]
        both = plain + grown.share * (said - plain)
        assert fitted.predict_one(net) == pytest.approx(1.0 / (1.0 + math.exp(-both)))


def test_the_slope_of_the_likelihood_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy import optimize

    found: list[Any] = []
    minimise = optimize.minimize

    def looked_at(function: Any, start: Any, **more: Any) -> Any:
        found.append((function, start))
        return minimise(function, start, **more)

    monkeypatch.setattr(optimize, "minimize", looked_at)
    AccuracyPredictor.fit(NETS[:30], Y[:30], kind="grown")
    function, start = found[0]
    for point in (start, start + 0.3):
        slope = function(point)[1]
        for k in range(len(start)):
            step = np.zeros(len(start))
            step[k] = 1e-5
            near = (function(point + step)[0] - function(point - step)[0]) / 2e-5
            assert slope[k] == pytest.approx(near, rel=1e-4, abs=1e-5)


def test_one_input_one_answer_in_any_order(fitted: AccuracyPredictor) -> None:
    assert AccuracyPredictor.fit(NETS[:80], Y[:80]).to_json() == fitted.to_json()
    order = Random(1).sample(range(80), 80)
    other = AccuracyPredictor.fit([NETS[i] for i in order], [Y[i] for i in order])
    assert other.kind == "grown"
    assert quiet(other.predict, NETS[80:]) == pytest.approx(
        quiet(fitted.predict, NETS[80:]), rel=1e-6
    )


def test_a_network_may_come_several_times_with_other_accuracies() -> None:
    nets, y = [*NETS[:60], *NETS[:60]], [*Y[:60], *[one - 0.01 for one in Y[:60]]]
    fitted = AccuracyPredictor.fit(nets, y)
    assert fitted.report is not None
    assert (fitted.report.networks, fitted.report.distinct) == (120, 60)
    assert len(fitted.trained) == 60


def test_it_is_asked_for_by_its_name() -> None:
    fitted = AccuracyPredictor.fit(NETS[:20], Y[:20], kind="grown")
    assert fitted.kind == "grown"
    with pytest.raises(ArgumentError, match="at least 8 that differ"):
        AccuracyPredictor.fit(NETS[:7], Y[:7], kind="grown")
    with pytest.raises(ArgumentError, match="kind must be"):
        AccuracyPredictor.fit(NETS[:20], Y[:20], kind="forest")
    with pytest.raises(ArgumentError, match="additive part"):
        AccuracyPredictor(1.0, 5.0, -2.0, grown=fitted.grown)


# Errors and files


def test_intervals_hold_the_prediction_and_cover(fitted: AccuracyPredictor) -> None:
    ends = fitted.interval(NETS[80:])
    middle = quiet(fitted.predict, NETS[80:])
    assert ((ends[:, 0] < middle) & (middle < ends[:, 1])).all()
    assert 0.8 <= np.mean((ends[:, 0] <= Y[80:]) & (ends[:, 1] >= Y[80:])) <= 1.0
    wide = fitted.interval(NETS[80:], 0.99)
    assert ((wide[:, 0] <= ends[:, 0]) & (wide[:, 1] >= ends[:, 1])).all()
    plain = fitted.additive.interval(NETS[80:])
    assert np.median(ends[:, 1] - ends[:, 0]) < np.median(plain[:, 1] - plain[:, 0])


def test_what_lies_outside_is_told(fitted: AccuracyPredictor) -> None:
    far = mobile(((6, 13, 9, True),) * 4)
    assert fitted.extrapolates(far)
    assert not fitted.extrapolates(NETS[0])
    assert fitted.extrapolates(NETS[80:]).mean() < 0.4


def test_files_hold_all_of_it(fitted: AccuracyPredictor, tmp_path: Any) -> None:
    fitted.to_json(tmp_path / "grown.json")
    loaded = AccuracyPredictor.load(tmp_path / "grown.json")
    assert loaded == fitted
    assert loaded.kind == "grown"
    assert loaded.interval(NETS[90]) == fitted.interval(NETS[90])
    assert loaded.to_json() == fitted.to_json()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(columns=[["whole", "colour"]] * len(d["columns"])), "no feature"),
        (lambda d: d["columns"].__setitem__(0, []), "no feature"),
        (lambda d: d.pop("noise"), "lacks the key 'noise'"),
        (lambda d: d.update(noise=0.0), "noise"),
        (lambda d: d.update(partition="colours"), "partition"),
        (lambda d: d["rows"].pop(), "as many"),
        (lambda d: d["scores"].reverse(), "rising"),
        (lambda d: d["scale"].__setitem__(0, 0.0), "scale"),
        (lambda d: d.update(targets=[1.0] * len(d["targets"])), "must differ"),
    ],
)
def test_broken_files_are_refused(fitted: AccuracyPredictor, change: Any, told: str) -> None:
    data = json.loads(json.dumps(fitted.to_dict()))
    change(data["grown"])
    with pytest.raises(FormatError, match=told):
        AccuracyPredictor.from_dict(data)


# Searches


def test_a_search_proves_by_the_additive_part_and_says_so() -> None:
    nets = flash.ResNet().sample(60, seed=2)
    grown = AccuracyPredictor.fit(nets, truth(nets, 0.1), kind="grown")
    additive = grown.additive
    assert additive.kind == "topology"
    assert additive.is_part
    assert additive.additive is additive
    assert as_predictor(grown) is additive
    found = flash.search("resnet", "rram", max_latency_ms=5.0, predictor=grown)
    plain = AccuracyPredictor.fit(nets, truth(nets, 0.1), kind="topology")
    same = flash.search("resnet", "rram", max_latency_ms=5.0, predictor=plain)
    assert found.status == same.status
    assert found.architecture == same.architecture
    assert found.architecture is not None
    assert found.accuracy == same.accuracy == additive.predict_one(found.architecture)
    assert found.scored_by == "predictor (topology, the part of a grown one that a search proves)"
    assert "the part of a grown one that a search proves" in str(found)
    assert any("additive part of a grown predictor" in flag for flag in found.flags)
    assert found.intervals is not None
    assert same.intervals is not None
    assert found.intervals["accuracy"] == pytest.approx(same.intervals["accuracy"])
    assert same.scored_by == "predictor (topology)"


def test_evaluations_take_the_additive_part_too() -> None:
    nets = flash.ResNet().sample(60, seed=2)
    grown = AccuracyPredictor.fit(nets, truth(nets, 0.1), kind="grown")
    space = flash.ResNet()
    rows = [space.encode(net) for net in nets[:3]]
    got = flash.evaluate(space, "rram", rows, predictor=grown)["accuracy"]
    assert got == pytest.approx([grown.additive.predict_one(net) for net in nets[:3]])
