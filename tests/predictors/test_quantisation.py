"""What bits cost in accuracy: the shipped model is the fit of what was measured, and its use."""

from __future__ import annotations

import json
from itertools import pairwise
from math import exp, log
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flash
from benchmarks.training import quantise_fit as fit
from flash._core.search.exact import Query
from flash.codesign.joint import Codesign
from flash.errors import ArgumentError
from flash.hardware import Target
from flash.predictors.predictor import AccuracyPredictor, as_predictor
from flash.predictors.quantisation import effects, measured, quantised, worth_having
from flash.problem.compiling import MACS, PARAMS

BITS = (8, 6, 4, 3, 2)
INF = float("inf")
TABLE = json.loads(fit.TABLE.read_text())
SHIPPED = json.loads(
    (Path(flash.__file__).parent / "data" / "quantisation" / "cifar10.json").read_text()
)  # of the package that is installed, wherever that is


def logit(accuracy: float) -> float:
    return log(accuracy / (1.0 - accuracy))


def test_the_shipped_model_is_the_fit_of_what_was_measured() -> None:
    again = fit.shipped()
    assert again["accuracy"] == SHIPPED["accuracy"]
    assert again["measured"] == SHIPPED["measured"]
    for bits, loss in SHIPPED["shift"].items():
        assert again["shift"][bits] == pytest.approx(loss, abs=2e-3)
    rule = TABLE["judged"]["rules"][TABLE["judged"]["chosen"]]
    assert SHIPPED["held_out"] == {"points": rule["points"], "tau": rule["tau"]}
    known = measured()
    assert known.networks == len(fit.load()) == SHIPPED["networks"] >= 16
    assert known.accuracy == pytest.approx(np.mean(SHIPPED["accuracy"]))
    assert (known.error, known.tau) == (rule["points"], rule["tau"])


def test_every_mix_of_bits_was_measured() -> None:
    numbers = [row["number"] for row in TABLE["networks"]]
    assert len(set(numbers)) == len(numbers)
    for row in TABLE["networks"]:
        net = fit.read(row)
        assert all(0 <= right <= row["images"] for right in row["right"].values())
        assert net.alone.shape == (net.cells, len(BITS))
        assert len({tuple(mix) for mix in net.mixes.tolist()}) == len(net.mixes)
        if net.cells == 3:
            assert len(net.mixes) == 5**3


def test_errors_on_networks_left_out() -> None:
    """Recomputed from what was measured: of the chosen rule, and of those before it."""
    rules = TABLE["judged"]["rules"]
    nets = fit.load()
    for name in (fit.CHOSEN, "equal shares of what all lose", "measured alone, multiplied"):
        again, told = fit.judge(nets, name), rules[name]
        assert again["points"] == pytest.approx(told["points"], abs=0.02)
        assert again["tau"] == pytest.approx(told["tau"], abs=0.01)
    chosen = rules[fit.CHOSEN]
    alone = rules["measured alone, multiplied"]
    assert chosen["points"] < alone["points"] + 0.1
    assert chosen["tau_from_3_bits"] > alone["tau_from_3_bits"]
    assert chosen["points"] < 0.5 * rules["equal shares of what all lose"]["points"]
    # telling first, middle and last cells apart does not help
    assert chosen["points"] < rules["logit, by place"]["points"] + 0.1
    for cells, other in TABLE["judged"]["other_cells"].items():
        assert other["each_cell"] < other["shared"], cells


def test_the_fit_finds_what_made_the_numbers() -> None:
    """Networks made of known losses, some of their mixes at chance."""
    losses = np.array([0.0, 0.01, 0.05, 0.3, 1.5])
    mixes = fit.load()[0].mixes
    made = []
    for plain in (0.3, 0.5, 0.7, 0.9):
        accuracy = fit.logistic(logit(plain) - losses[mixes].sum(axis=1))
        made.append(fit.Quantised(3, plain, mixes, np.maximum(0.1, accuracy), np.empty((3, 5))))
    assert fit.fitted(made, 1, True)[0] == pytest.approx(losses, abs=1e-4)
    told = fit.added(losses[None], True)(made[0])
    assert told == pytest.approx(made[0].accuracy)


@pytest.mark.parametrize("cells", [1, 2, 3, 5])
def test_topology_predictors_lose_log_odds(cells: int) -> None:
    predictor = as_predictor("default", "densenet")
    found = effects(BITS, predictor, cells)
    assert len(found) == cells
    for own in found:
        assert [factor for factor, _ in own] == [1.0] * 5
        assert [-shift for _, shift in own] == [SHIPPED["shift"][str(b)] for b in BITS]


@pytest.mark.parametrize("cells", [1, 2, 3, 5])
def test_degree_counts_as_much_as_is_left_of_the_accuracy(cells: int) -> None:
    found = effects(BITS, None, cells)
    assert len(found) == cells
    assert all(own == found[0] for own in found)
    plain = float(np.mean(SHIPPED["accuracy"]))
    for bits, (factor, shift) in zip(BITS, found[0], strict=True):
        left = 1.0 / (1.0 + exp(3 * SHIPPED["shift"][str(bits)] - logit(plain)))
        assert factor == pytest.approx(max(0.1, left) / plain, rel=1e-12)
        assert factor == measured().kept[bits]
        assert shift == 0.0
    # near what was measured with all cells alike, the model being one of sums
    for bits in (8, 6, 4):
        assert found[0][BITS.index(bits)][0] == pytest.approx(
            SHIPPED["measured"][str(bits)]["all_cells"], abs=0.03
        )


@given(
    st.floats(0.5, 1e6), st.floats(1e-3, 1e4), st.floats(-500.0, 500.0), st.integers(1, 6)
)  # fmt: skip
def test_predictors_of_degree(a: float, b: float, c: float, cells: int) -> None:
    if a + exp(c) < 1.0:
        a += 1.0
    predictor = AccuracyPredictor(a, b, c)
    found = effects(BITS, predictor, cells)
    assert len(found) == cells
    factors = [factor for factor, _ in found[0]]
    assert factors == sorted(factors, reverse=True)
    assert all(0.0 < factor <= 1.0 for factor in factors)
    assert all(shift == 0.0 for _, shift in found[0])


def test_predictors_of_degree_lose_log_odds_of_their_ceiling_in_the_middle() -> None:
    predictor = AccuracyPredictor(1.25, 90.0, -1.5)
    most = 1.0 / (1.25 + exp(-1.5))
    degree = 90.0 / (log(2.0 / most - 1.25) + 1.5)
    assert predictor.predict_degree(degree) == pytest.approx(most / 2.0)
    for bits, (factor, _) in zip(BITS, effects(BITS, predictor)[0], strict=True):
        left = predictor.predict_degree(degree * factor)
        lost = logit(most / 2.0 * 1.25) - logit(left * 1.25)
        assert lost == pytest.approx(3 * SHIPPED["shift"][str(bits)], abs=1e-9)


@given(st.permutations(BITS), st.integers(1, 4))
def test_fewer_bits_never_gain(bits: list[int], cells: int) -> None:
    for predictor in (None, as_predictor("default", "densenet"), AccuracyPredictor(1.1, 50.0, -2)):
        for own in effects(bits, predictor, cells):
            ordered = sorted(zip(bits, own, strict=True))
            for (_, few), (_, more) in pairwise(ordered):
                assert few[0] <= more[0] <= 1.0
                assert few[1] <= more[1] <= 0.0


def test_a_network_s_accuracy_is_what_the_model_says() -> None:
    """The default predictor's, on an FPGA: the log odds of the network less each cell's loss."""
    result = flash.search(
        "densenet", "fpga-zu3eg", codesign=True, predictor="default", max_latency_ms=5.0
    )
    assert result.accelerator is not None
    assert result.accuracy is not None
    bits = result.accelerator["cell_bits"]
    assert len(bits) == len(result.architecture.cells)
    predictor = as_predictor("default", "densenet")
    assert predictor is not None
    plain = predictor.predict(result.architecture)
    lost = sum(SHIPPED["shift"][str(one)] for one in bits)
    assert lost > 0.0
    assert logit(result.accuracy) == pytest.approx(logit(plain) - lost, abs=1e-6)


def test_a_network_of_two_cells_costs_the_same_beside_three() -> None:
    """In a space of both, and in one of two."""
    target = Target.load("fpga-zu3eg")
    for predictor in (None, as_predictor("default", "densenet")):
        found = []
        for counts in ([2], [2, 3]):
            space = flash.DenseNet(cells=counts, depths=[4, 8], skips=[0, 16])
            design = target.design_space("densenet")
            columns = 1 | target.columns("densenet") | PARAMS | MACS
            run = Codesign(space, design, predictor, Query([INF] * 6), columns)
            tables = run.compile([next(design.configurations())])
            score = tables.column(0, 1, 0)
            assert score is not None
            found.append(bytes(score))
        assert found[0] == found[1]


def test_bits_that_fewer_are_as_good_as_are_dropped() -> None:
    free: list[list[tuple[float, float]]] = [[(1.0, 0.0), (1.0, 0.0), (0.5, 0.0)]] * 2
    assert worth_having((8, 6, 4), free) == ((4, 6), [[(0.5, 0.0), (1.0, 0.0)]] * 2)
    # of one cell only they are not
    mixed = [free[0], [(1.0, 0.0), (0.9, 0.0), (0.5, 0.0)]]
    kept, own = worth_having((8, 6, 4), mixed)
    assert kept == (4, 6, 8)
    assert own == [list(reversed(one)) for one in mixed]
    assert worth_having((), [[(1.0, 0.0)]]) == ((), [[(1.0, 0.0)]])
    random = Random(0)
    for _ in range(200):
        drawn = [[(random.choice([1.0, 0.9]), -random.choice([0.0, 0.5])) for _ in BITS]
                 for _ in range(random.randint(1, 3))]  # fmt: skip
        kept, own = worth_having(BITS, drawn)
        assert min(BITS) in kept
        for k, bits in enumerate(BITS):
            beaten = [
                j for j, few in enumerate(BITS)
                if few < bits and all(
                    one[j][0] >= one[k][0] and one[j][1] >= one[k][1] for one in drawn
                )
            ]  # fmt: skip
            assert (bits not in kept) == bool(beaten)
        for one, whole in zip(own, drawn, strict=True):
            assert one == [whole[BITS.index(bits)] for bits in kept]


def test_a_design_without_bits_has_no_effects() -> None:
    design = Target.load("rram").design_space("resnet")
    assert quantised(design, None, 2) == [[(1.0, 0.0)]] * 2


def test_lists_for_every_cell() -> None:
    space, target = flash.SearchSpace("resnet"), Target.load("fpga-zu3eg")
    design = target.design_space("resnet")
    run = Codesign(space, design, None, Query([INF] * 6), 0b11)
    choice = next(design.configurations())
    whole = run.effects
    for bad in (whole[:1], [*whole[:-1], whole[-1][:1]]):
        run.effects = bad
        with pytest.raises((ArgumentError, ValueError)):
            run.compile([choice])


def test_bits_that_were_not_measured() -> None:
    with pytest.raises(ArgumentError, match="what 5 bits cost in accuracy was not measured"):
        effects((5,), None)
