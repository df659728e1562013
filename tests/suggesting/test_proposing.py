"""Which networks are proposed: the best of small spaces by enumeration, and what is promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import gaussian as twin
from twins.small_block_spaces import space_of

import flash
from flash.base.names import Metric
from flash.solving.ground import ground_of
from flash.spaces.named import any_space
from flash.spaces.network_space import NetworkSpace
from flash.suggesting.candidates import Solver, neighbours, representatives, unique, whole
from flash.suggesting.encoding import encoding_of
from flash.suggesting.known import known_of
from flash.suggesting.proposing import NothingLeft, _Proposing, propose

INF = float("inf")
FREE = [INF] * 6
SMALL = flash.DenseNet(depths=flash.Range(5, 8), skips=[0, 8], width_multipliers=[1, 2])


class Letters(NetworkSpace[Any]):
    """A space of one's own: a list of letters, each a convolution as wide as it says."""

    family = "letters"
    lengths = (4, 4, 4)
    variables = ("letter_0", "letter_1", "letter_2")
    groups = ((0,), (1,), (2,))
    ordered = (True,) * 3

    def name(self, row: Any) -> str:
        return "".join("abcd"[k] for k in row)

    def parse(self, name: str) -> tuple[int, ...]:
        return tuple("abcd".index(letter) for letter in name)

    def network(self, row: Any) -> Any:
        layers, width = [], 3
        for k in row:
            layers.append(
                {"kind": "conv", "in_channels": width, "out_channels": 8 * (k + 1), "kernel": 3,
                 "height": 8, "width": 8}
            )  # fmt: skip
            width = 8 * (k + 1)
        return flash.Network.from_layers(layers)


# small spaces of tables, looked at whole
TABLES: dict[str, Any] = {
    "densenet": lambda: SMALL,
    "cells": lambda: flash.DenseNet(cells=[1, 3], depths=[3, 5], skips=[0, 8], resolution=[16, 32]),
    "widths": lambda: flash.DenseNet(widths=[8, 12], depths=[3, 4], skips=[0, 8], cells=3),
    "resnet": lambda: flash.ResNet(
        depths=flash.Range(1, 3), skips=[0, 16], width_multipliers=[1, 2], cells=[2, 3]
    ),
    "resnet-widths": lambda: flash.ResNet(widths=[16, 24], depths=[1, 2, 3], skips=[0, 16]),
    "mobilenet-v2": lambda: flash.MobileNetV2(
        cells=[1, 2], depths=[1, 2], kernels=[3, 5], expansions=[2, 3]
    ),
    "mobilenet-widths": lambda: flash.MobileNetV2(
        cells=2, widths=[16, 24, 32], depths=[1, 2], kernels=[3], expansions=[2, 3]
    ),
    "of-stages": lambda: space_of("of-stages"),
    "of-blocks": lambda: space_of("of-blocks"),
    "of-sizes": lambda: space_of("of-sizes"),
}
# every kind of space
SPACES: dict[str, Any] = {
    "densenet": lambda: SMALL,
    "densenet-all": lambda: any_space("densenet"),
    "mobilenet-v2": lambda: any_space("mobilenet-v2"),
    "mobilenet-v3": lambda: any_space("mobilenet-v3"),
    "blocks": lambda: space_of("of-blocks"),
    "nas-bench-201": lambda: any_space("nas-bench-201"),
    "nas-bench-macro": lambda: any_space("nas-bench-macro"),
    "pnas": lambda: flash.PNASCells([1, 2]),
    "bypass": flash.BypassSpace,
    "letters": Letters,
}


def ground(space: Any, target: str = "cpu-x86") -> Any:
    return ground_of(space, flash.Target.load(target))


def truth(space_ground: Any, seed: int = 0) -> Any:
    """A made-up accuracy of rows: each value has a part, and neighbours interact."""
    lengths = space_ground.lengths
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=length) for length in lengths]

    def of(rows: Any) -> Any:
        total = sum(part[column] for part, column in zip(parts, rows.T, strict=True))
        total = total + 0.5 * (rows[:, 1:] == rows[:, :-1]).sum(axis=1)
        return 0.5 + 0.4 * np.tanh(0.3 * total)

    return of


def known(rows: Any, accuracies: Any, pending: Any = (), **more: Any) -> Any:
    trained = {
        tuple(row): [(float(accuracy), None)]
        for row, accuracy in zip(rows.tolist(), accuracies, strict=True)
    }
    return known_of(trained, map(tuple, pending), rows.shape[1], **more)


def drawn(of: Any, n: int, seed: int = 0) -> Any:
    rows = unique(of.draw(np.random.default_rng(seed), n))
    net = of.charge(rows)
    fits = np.isfinite(net[Metric.PARAMS])
    member = of.is_member(rows)
    return rows[fits if member is None else fits & member]


def limits_of(metrics: Any, rng: np.random.Generator, count: int = 2) -> list[float]:
    """Budgets that some networks meet: quantiles of their metrics."""
    limits = [INF] * 6
    for k in rng.choice(np.arange(1, 6), count, replace=False).tolist():
        if np.ptp(metrics[k]) > 0.0:
            limits[k] = float(np.quantile(metrics[k], rng.choice([0.1, 0.5, 0.9])))
    return limits


def within(metrics: Any, limits: list[float]) -> Any:
    return (metrics[1:] <= np.array(limits[1:])[:, None]).all(axis=0)


# the exact solver


@pytest.mark.parametrize("target", ["cpu-x86", "rram"])
@pytest.mark.parametrize("name", TABLES)
def test_the_solver_finds_the_best_of_the_whole_space(name: str, target: str) -> None:
    of = ground(TABLES[name](), target)
    encoding, rows, rng = encoding_of(of), whole(of), np.random.default_rng(0)
    assert rows is not None
    metrics = of.charge(rows)
    sizes = metrics[[Metric.MACS, Metric.PARAMS]].T
    near = sizes.mean(axis=0)
    places = {tuple(row): place for place, row in enumerate(rows.tolist())}
    assert len(places) == len(rows)
    for turn in range(8):
        of_values = rng.normal(size=encoding.width)
        of_sizes = rng.normal(size=2) * (turn % 2)
        limits = limits_of(metrics, rng, turn % 4)
        fits = within(metrics, limits)
        score = of_values[encoding.codes(rows)].sum(axis=1) + sizes @ (of_sizes / near)
        found = Solver(of, encoding, limits, near).best(of_values, of_sizes)
        if not fits.any():
            assert found is None
            continue
        assert found is not None
        place = places[tuple(found[0].tolist())]
        assert fits[place]
        assert score[place] >= score[fits].max() - 1e-6


def test_the_solver_says_where_nothing_fits() -> None:
    of = ground(SMALL)
    limits = [INF, 1e-9, *[INF] * 4]
    found = Solver(of, encoding_of(of), limits, np.ones(2)).best(np.zeros(100), np.zeros(2))
    assert found is None


def test_neighbours_differ_in_one_choice() -> None:
    of = ground(SMALL)
    rows = drawn(of, 3)
    rng = np.random.default_rng(0)
    found = neighbours(of, rows, rng, 10_000)
    around = {
        (*row[:j], value, *row[j + 1 :])
        for row in rows.tolist()
        for j, length in enumerate(of.lengths.tolist())
        for value in range(length)
        if value != row[j]
    }
    assert {tuple(row) for row in found.tolist()} == around
    some = neighbours(of, rows, rng, 5)
    assert len(some) == 5
    assert {tuple(row) for row in some.tolist()} <= around


# expected improvement


@pytest.mark.parametrize("name", ["densenet", "resnet", "of-blocks", "letters"])
@pytest.mark.parametrize("limited", [False, True])
def test_the_largest_expected_improvement_of_a_whole_space(name: str, limited: bool) -> None:
    of = ground((TABLES | SPACES)[name]())
    rows = whole(of)
    assert rows is not None
    metrics = of.charge(rows)
    limits = limits_of(metrics, np.random.default_rng(3)) if limited else FREE
    trained = drawn(of, 25, seed=2)
    told = known(trained, truth(of)(trained))
    own = _Proposing(of, told, limits, -INF, 0, {})
    own._fit()
    row, what = own._best_of(own._pool(), greedy=False)
    assert row is not None
    again = twin.ProcessTwin(own.process, own.samples, own.targets, own.noise)
    held = {tuple(one) for one in trained.tolist()}
    free = np.array([tuple(one) not in held for one in rows.tolist()]) & within(metrics, limits)
    rest = rows[free]
    samples = own._samples(rest)
    covered = again.kernel(samples, own.samples)
    mean = again.leaning(samples) + covered @ again.inverse @ again.targets
    taken = np.einsum("ij,jk,ik->i", covered, again.inverse, covered)
    deviation = np.sqrt(np.maximum(own.process.prior(samples) - taken, 1e-12))
    gain, chance = twin.improvement(mean - own.best, deviation)
    place = [tuple(one) for one in rest.tolist()].index(tuple(row[0].tolist()))
    assert gain[place] >= gain.max() * (1.0 - 1e-4) - 1e-7
    assert what[3] == pytest.approx(chance[place], rel=1e-2, abs=1e-4)
    # the gain in accuracy is that of targets times the slope of the scale there
    slope = own.scale.slope(max(own.best, float(mean[place])))
    assert what[2] == pytest.approx(gain[place] * slope, rel=1e-2, abs=1e-6)
    assert what[0] == pytest.approx(float(own.scale.accuracies(mean[place : place + 1])[0]), 1e-3)


# what is promised of proposals


@pytest.mark.parametrize("name", SPACES)
def test_proposals_of_every_kind_of_space(name: str) -> None:
    space = SPACES[name]()
    of = ground(space)
    trained = drawn(of, 14, seed=4)
    metrics = of.charge(trained)
    limits = [*FREE]
    limits[Metric.PARAMS] = float(np.median(metrics[Metric.PARAMS]))
    pending, trained = trained[:3], trained[3:]
    accuracies = truth(of)(trained)
    told = known(trained, accuracies, pending.tolist())
    found = propose(of, told, 4, limits=limits, seed=1)
    assert len(found.rows) == 4
    assert len(unique(found.rows)) == 4
    assert (of.canonical(found.rows) == found.rows).all()
    member = of.is_member(found.rows)
    assert member is None or member.all()
    assert within(of.charge(found.rows), limits).all()
    held = {tuple(row) for row in (*trained.tolist(), *pending.tolist())}
    assert not held & {tuple(row) for row in found.rows.tolist()}
    assert found.how.startswith("expected improvement over")
    assert found.left >= found.gain.max() * (1.0 - 1e-12)
    for column in (found.mean, found.deviation, found.gain, found.chance):
        assert column.shape == (4,)
        assert (column >= 0.0).all()
    assert (found.mean <= 1.0).all()
    assert (found.chance <= 1.0).all()
    # the same again, whatever the order of what is measured
    order = np.random.default_rng(0).permutation(len(trained))
    again = propose(
        ground(SPACES[name]()), known(trained[order], accuracies[order], pending.tolist()[::-1]),
        4, limits=limits, seed=1,
    )  # fmt: skip
    assert (again.rows == found.rows).all()
    assert again.mean.tolist() == found.mean.tolist()
    assert again.left == found.left


@pytest.mark.parametrize("name", ["bypass", "mobilenet-v3"])
def test_tight_budgets_of_a_space_without_tables(name: str) -> None:
    """The model may promise nothing of what fits: it is climbed to from what does."""
    of = ground(SPACES[name]())
    rows = drawn(of, 80, seed=3)
    params = of.charge(rows)[Metric.PARAMS]
    limits = [*FREE]
    limits[Metric.PARAMS] = float(np.quantile(params, 0.05))
    rows, params = rows[:20], params[:20]
    told = known(rows, 0.9 - 0.2 / np.log10(params))  # the larger, the better
    found = propose(of, told, 3, limits=limits)
    assert within(of.charge(found.rows), limits).all()
    assert len(unique(found.rows)) == 3


def test_what_depends_on_the_seed() -> None:
    """A whole space is looked at without any chance; draws and pools have some."""
    of = ground(SMALL)
    first = known(drawn(of, 0), [])
    draws = [propose(of, first, 5, limits=FREE, seed=seed).rows for seed in (1, 2)]
    assert (draws[0] != draws[1]).any()
    trained = drawn(of, 10)
    told = known(trained, truth(of)(trained))
    one, other = (propose(of, told, 3, limits=FREE, seed=seed) for seed in (1, 2))
    assert (one.rows == other.rows).all()


@pytest.mark.parametrize("space", [SMALL, "densenet", "nas-bench-201"], ids=["s", "d", "n"])
def test_few_samples_or_equal_accuracies_are_random(space: Any) -> None:
    of = ground(any_space(space))
    for rows, accuracies, why in (
        (drawn(of, 0), [], "random: fewer than 3 networks are trained"),
        (drawn(of, 2), [0.5, 0.6], "random: fewer than 3 networks are trained"),
        (drawn(of, 5), [0.5] * 5, "random: all 5 accuracies are equal"),
    ):
        found = propose(of, known(rows, accuracies), 3, limits=FREE)
        assert found.how == why
        assert len(unique(found.rows)) == 3
        assert np.isnan([found.mean, found.deviation, found.gain, found.chance]).all()
        assert np.isnan(found.left)
        assert not {*map(tuple, found.rows.tolist())} & {*map(tuple, rows.tolist())}
    rows = drawn(of, 5)
    found = propose(of, known(rows, truth(of)(rows)), 1, limits=FREE, options={"first": 6})
    assert found.how == "random: fewer than 6 networks are trained"


def test_tight_budgets_of_a_large_space_are_met_at_random_too() -> None:
    """Budgets that no draw meets: the exact solver finds a network."""
    space = any_space("densenet")
    of = ground(space)
    least = flash.search(space, "cpu-x86", minimize="params")
    limits = [*FREE]
    limits[Metric.PARAMS] = float(least.params or 0)
    found = propose(of, known(drawn(of, 0), []), 1, limits=limits)
    assert of.charge(found.rows)[Metric.PARAMS, 0] <= limits[Metric.PARAMS]


def test_nothing_left() -> None:
    for name in ("letters", "densenet"):
        of = ground(SPACES[name]())
        rows = whole(of)
        assert rows is not None
        accuracies = truth(of)(rows)
        most = 12
        limits = [*FREE]
        limits[Metric.MACS] = float(np.sort(of.charge(rows)[Metric.MACS])[most - 1])
        fits = rows[within(of.charge(rows), limits)]
        last, rest = fits[-1], fits[:-1]
        told = known(rest, truth(of)(rest))
        found = propose(of, told, 5, limits=limits)
        assert found.rows.tolist() == [last.tolist()]
        with pytest.raises(NothingLeft, match="within the budgets is measured or asked for"):
            propose(of, known(rest, truth(of)(rest), [last.tolist()]), 1, limits=limits)
        with pytest.raises(NothingLeft, match="nothing is left"):
            propose(of, known(rows, accuracies), 1, limits=FREE)
    with pytest.raises(NothingLeft, match="no network that is not measured yet was found"):
        propose(ground(SMALL), known(drawn(of, 0), []), 1, limits=[INF, 1e-9, *[INF] * 4])
    for space in ("densenet", "mobilenet-v3"):
        of = ground(any_space(space))
        for rows in (drawn(of, 0), drawn(of, 8)):
            told = known(rows, truth(of)(rows) if len(rows) else [])
            with pytest.raises(NothingLeft, match="no network that is not measured yet"):
                propose(of, told, 1, limits=[INF, 1e-9, *[INF] * 4])


def test_a_batch_imagines_what_it_asks_for() -> None:
    """The first of a batch is the single proposal; others are asked as if it were trained."""
    of = ground(SMALL)
    rows = drawn(of, 12)
    accuracies = truth(of)(rows)
    told = known(rows, accuracies)
    one = propose(of, told, 1, limits=FREE)
    many = propose(of, told, 6, limits=FREE)
    assert (many.rows[0] == one.rows[0]).all()
    assert len(unique(many.rows)) == 6
    assert many.left == pytest.approx(one.left, rel=0.2)


def test_the_best_within_the_budgets_and_above_the_least_counts() -> None:
    of = ground(SMALL)
    rows = drawn(of, 30)
    accuracies = truth(of)(rows)
    metrics = of.charge(rows)
    limits = [*FREE]
    limits[Metric.PARAMS] = float(np.quantile(metrics[Metric.PARAMS], 0.4))
    own = _Proposing(of, known(rows, accuracies), limits, -INF, 0, {})
    own._fit()
    best = accuracies[within(metrics, limits)].max()
    order = {tuple(row): accuracy for row, accuracy in zip(rows.tolist(), accuracies, strict=True)}
    assert max(order.values()) > best
    assert own.best == pytest.approx(float(own.scale.targets(np.array([best]))[0]))
    # nothing is good enough: everything is an improvement
    none = _Proposing(of, known(rows, accuracies), limits, 0.9999, 0, {})
    none._fit()
    assert none.best < own.targets.min()


def test_noise_is_told() -> None:
    """Trainings that differ much say that the best of them was lucky."""
    of = ground(SMALL)
    rows = drawn(of, 20)
    accuracies = truth(of)(rows) + 0.02 * np.random.default_rng(0).normal(size=len(rows))
    seen = []
    for noise in (1e-4, 0.05):
        own = _Proposing(of, known(rows, accuracies, noise=noise), FREE, -INF, 0, {})
        own._fit()
        top = float(own.targets[np.argmax(own.known.accuracy)])
        told = np.sqrt(own.process.noise_variance) * own.scale.slope(top)
        seen.append((told, own.process.noise_variance))
        assert told == pytest.approx(noise, rel=0.5) or noise < 1e-3
    assert seen[1][1] > 10.0 * seen[0][1]


# options


def test_cheaper_networks_at_equal_gain() -> None:
    of = ground(SMALL)
    rows = drawn(of, 12)
    told = known(rows, truth(of)(rows))
    own, cheap = (
        propose(of, told, 5, limits=FREE, options={"cost": kind}) for kind in ("none", "macs")
    )
    dear, less = (of.charge(found.rows)[Metric.MACS].mean() for found in (own, cheap))
    assert less < dear
    assert cheap.left == own.left or cheap.left > 0.0
    # the one proposed has the largest gain for its MACs
    again = _Proposing(of, told, FREE, -INF, 0, {"cost": "macs"})
    again._fit()
    row, _ = again._best_of(again._pool(), greedy=False)
    assert row is not None
    held = {tuple(one) for one in rows.tolist()}
    rest = np.array([one for one in whole(of).tolist() if tuple(one) not in held])  # type: ignore[union-attr]
    samples = again._samples(rest)
    mean, _ = again.process.means(samples)
    gain, _ = twin.improvement(mean - again.best, np.sqrt(again.process.variances(samples)))
    ratio = gain / of.charge(rest)[Metric.MACS]
    place = [tuple(one) for one in rest.tolist()].index(tuple(row[0].tolist()))
    assert ratio[place] >= ratio.max() * (1.0 - 1e-6)


def test_seconds_that_rise_with_macs_make_cheaper_networks_better() -> None:
    of = ground(SMALL)
    rows = drawn(of, 12)
    macs = of.charge(rows)[Metric.MACS]
    trained = {
        tuple(row): [(float(accuracy), float(seconds))]
        for row, accuracy, seconds in zip(rows.tolist(), truth(of)(rows), macs / 1e6, strict=True)
    }
    told = known_of(trained, [], rows.shape[1])
    found = {
        kind: propose(of, told, 4, limits=FREE, options={"cost": kind}).rows.tolist()
        for kind in ("none", "macs", "seconds")
    }
    assert found["seconds"] == found["macs"]  # in proportion to each other
    assert found["seconds"] != found["none"]
    flat = {row: [(runs[0][0], 7.0)] for row, runs in trained.items()}
    same = propose(
        of, known_of(flat, [], rows.shape[1]), 1, limits=FREE, options={"cost": "seconds"}
    )
    plain = propose(of, told, 1, limits=FREE)
    assert same.gain[0] == pytest.approx(same.left)
    assert plain.left == pytest.approx(same.left)


@pytest.mark.parametrize("way", ["function", "array", "network space"])
def test_a_column_that_tells_the_accuracy_is_believed(way: str) -> None:
    space = any_space("nas-bench-201") if way == "network space" else SMALL
    of = ground(space)
    rows = drawn(of, 12, seed=1)
    hidden = np.random.default_rng(9).normal(size=space.size)  # no structure in the choices

    def indices(some: Any) -> Any:
        if way == "network space":
            return np.array([space.index(row) for row in some.tolist()])
        return np.ravel_multi_index(some.T, of.lengths.tolist())

    def column(some: Any) -> Any:
        return hidden[indices(some)]

    if way != "network space":
        for row in rows[:3]:
            assert space.index(row.tolist()) == indices(row[None])[0]
    accuracies = 0.6 + 0.1 * np.tanh(0.5 * column(rows))
    given = column if way == "function" else hidden
    told = known(rows, accuracies)
    found = propose(of, told, 4, limits=FREE, options={"columns": {"score": given}})
    without = propose(of, told, 4, limits=FREE)
    assert column(found.rows).mean() > column(without.rows).mean()
    assert column(found.rows).mean() > np.quantile(hidden, 0.9)


def test_a_column_that_is_not_known_everywhere() -> None:
    of = ground(SMALL)
    rows = drawn(of, 12, seed=1)
    hidden = np.random.default_rng(9).normal(size=SMALL.size)
    at = np.ravel_multi_index(rows.T, of.lengths.tolist())
    accuracies = 0.6 + 0.1 * np.tanh(0.5 * hidden[at])
    told = known(rows, accuracies)
    some = np.where(np.random.default_rng(2).random(SMALL.size) < 0.3, np.nan, hidden)
    found = propose(of, told, 4, limits=FREE, options={"columns": {"score": some}})
    assert hidden[np.ravel_multi_index(found.rows.T, of.lengths.tolist())].mean() > 0.5
    # columns of which nothing is known, or that are equal everywhere, change nothing
    plain = propose(of, told, 2, limits=FREE, options={"columns": {"score": np.zeros(SMALL.size)}})
    none = propose(
        of, told, 2, limits=FREE, options={"columns": {"score": np.full(SMALL.size, np.nan)}}
    )
    assert (none.rows == plain.rows).all()
    odd = np.where(np.isnan(some), np.inf, some)
    propose(of, told, 2, limits=FREE, options={"columns": {"score": odd}})


def test_columns_that_are_none() -> None:
    of = ground(SMALL)
    rows = drawn(of, 5)
    told = known(rows, truth(of)(rows))
    for given, message in (
        (np.zeros(3), "must have one number for each of the 1,024 flat indices, got shape"),
        (lambda rows: np.zeros(1 + len(rows)), "must give one number for each row, got shape"),
    ):
        with pytest.raises(flash.FlashError, match=message):
            propose(of, told, 1, limits=FREE, options={"columns": {"one": given}})


def test_a_prior_decides_until_trainings_do() -> None:
    space = any_space("densenet")
    nets = space.sample(30, seed=1)
    small = [0.9 - 0.1 * np.log10(net.params / 1e4) for net in nets]
    large = [0.4 + 0.1 * np.log10(net.params / 1e4) for net in nets]
    of = ground(SMALL)
    rows = drawn(of, 4)
    told = known(rows, [0.70, 0.71, 0.705, 0.702])
    params = []
    for accuracies in (small, large):
        prior = flash.AccuracyPredictor.fit(nets, accuracies, kind="topology")
        found = propose(of, told, 4, limits=FREE, options={"prior": prior})
        params.append(of.charge(found.rows)[Metric.PARAMS].mean())
    assert params[0] < params[1]


def test_a_prior_of_a_network_space() -> None:
    of = ground(Letters())
    nets = SMALL.sample(30, seed=1)
    prior = flash.AccuracyPredictor.fit(nets, [0.5 + net.params / 1e9 for net in nets])
    rows = drawn(of, 5)
    found = propose(of, known(rows, truth(of)(rows)), 2, limits=FREE, options={"prior": prior})
    assert len(found.rows) == 2


def test_a_product_is_what_is_maximised() -> None:
    """With latency weighed heavily, networks that are fast are proposed."""
    of = ground(SMALL, "rram")
    rows = drawn(of, 15)
    told = known(rows, truth(of)(rows))
    exponents = [1.0, -2.0, 0.0, 0.0, 0.0, 0.0]
    plain = propose(of, told, 3, limits=FREE)
    found = propose(of, told, 3, limits=FREE, options={"exponents": exponents})
    fast, slow = (of.charge(one.rows)[Metric.LATENCY].mean() for one in (found, plain))
    assert fast < slow


def test_only_what_is_listed_and_allowed() -> None:
    of = ground(SMALL)
    listed = drawn(of, 40, seed=7)
    rows = listed[:5]
    told = known(rows, truth(of)(rows))

    def even(some: Any) -> Any:
        return some.sum(axis=1) % 2 == 0

    found = propose(of, told, 5, limits=FREE, options={"among": listed, "allowed": even})
    names = {tuple(row) for row in listed.tolist()}
    assert {tuple(row) for row in found.rows.tolist()} <= names
    assert even(found.rows).all()
    wide = propose(of, told, 5, limits=FREE, options={"allowed": even})
    assert even(wide.rows).all()
    with pytest.raises(NothingLeft):
        propose(of, told, 1, limits=FREE, options={"among": rows})


# networks that several rows of choices describe: skips that saturate, and cells that take none
SATURATED: dict[str, Any] = {
    "densenet": flash.DenseNet(
        width_multipliers=[1], cells=[1, 2], depths=[1, 2, 4], skips=[0, 16, 64]
    ),
    "resnet": flash.ResNet(widths=[8, 16], cells=2, depths=[1, 2], skips=[0, 8, 12, 64]),
    "wide-resnet": flash.WideResNet(cells=2, depths=[1, 2], skips=[0, 16, 999]),
    "mobilenet-v2": flash.MobileNetV2(
        width_multipliers=[1],
        cells=2,
        depths=[1, 2],
        skips=[0, 16, 999],
        expansions=[1],
        kernels=[3],
    ),
}


@pytest.mark.parametrize("family", SATURATED)
def test_rows_of_one_network_have_one_representative(family: str) -> None:
    space = SATURATED[family]
    ground = ground_of(space, flash.Target.load("cpu-x86"))
    rows = whole(ground)
    assert rows is not None
    own = representatives(ground, rows)
    first: dict[Any, tuple[int, ...]] = {}
    for row, one in zip(rows.tolist(), own.tolist(), strict=True):
        network = space.decode(tuple(row)).network()
        assert network == space.decode(tuple(one)).network()
        assert first.setdefault(network.to_json(), tuple(one)) == tuple(one)
    assert len(first) < len(rows)


def test_one_network_is_not_proposed_twice() -> None:
    space = SATURATED["densenet"]
    networks = {space.decode(i).network().to_json() for i in range(space.size)}
    drawn = flash.suggest(space, "cpu-x86", n=space.size)
    assert len(drawn) == len({one.network().to_json() for one in drawn}) == len(networks)
    measured: list[Any] = [(one, 0.5 + one.params / 1e7) for one in drawn][:5]
    while len(measured) < len(networks):
        measured += [
            (one, 0.5 + one.params / 1e7) for one in flash.suggest(space, "cpu-x86", measured, n=4)
        ]
    assert {one.network().to_json() for one, _ in measured} == networks
    assert len(measured) == len(networks)
    with pytest.raises(NothingLeft):
        flash.suggest(space, "cpu-x86", measured)
