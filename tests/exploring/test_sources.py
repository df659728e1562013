"""What the explorer shows equals what flash.search, pareto, choose and at() give, and bad input is
told in the page."""

from __future__ import annotations

import csv
import io
import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash.cli.main import main
from flash.errors import ArgumentError
from flash.exploring.of_choices import ChoiceSource
from flash.exploring.of_front import ChoiceFrontSource, FrontSource
from flash.exploring.of_space import SpaceSource
from flash.exploring.of_sweep import SweepSource
from flash.exploring.opening import opened
from flash.exploring.state import State
from flash.spaces.codec import cell_columns

if TYPE_CHECKING:
    from pathlib import Path

    from flash.exploring.shown import Answer
    from flash.exploring.source import Source

WORDS = ["densenet", "--depths", "2,4,7", "--skips", "0,8,40", "--width-multipliers", "1,2"]
SMALL = flash.DenseNet(width_multipliers=[1, 2], depths=[2, 4, 7], skips=[0, 8, 40])
TARGETS = ("rram", "cpu-x86")


@pytest.fixture(scope="module")
def space() -> Any:
    source = SpaceSource(SMALL, TARGETS, words=WORDS)
    source.prepare()
    yield source
    source.close()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("table") / "blocks.csv"
    lines = ["layer,bits,loss,ms,kib"]
    for layer, work in (("stem", 1), ("conv1", 3), ("conv2", 5), ("head", 2)):
        for bits in (2, 4, 8):
            loss = round(0.9 * work / 2**bits + 0.1 * work, 3)
            lines.append(f"{layer},int{bits},{loss},{work * bits / 8},{9 * bits}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def choices(table: str) -> ChoiceSource:
    return ChoiceSource(table, columns={"group": "layer", "option": "bits"})


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> FrontSource:
    path = tmp_path_factory.mktemp("front") / "front.json"
    flash.pareto(SMALL, "rram", ("accuracy", "latency_ms", "energy_mj")).to_json(path)
    return FrontSource(path)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepSource:
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("swept") / "out"
    flash.sweep(SMALL, "rram", max_latency_ms=3.0, out=folder)
    return SweepSource(folder)


def timeless(result: Any) -> Any:
    return result.replace(elapsed_s=0.0, nfev=0)


def state_of(source: Source, data: Any) -> State:
    """Draw a state: places of sliders, weights, a level."""
    budgets = {}
    for slider in data.draw(st.sets(st.sampled_from(source.sliders), max_size=3)):
        if slider.metric in ("memory_kib", "weights_kib"):  # tens of milliseconds each
            continue
        value = slider.value_at(data.draw(st.floats(0.0, 1.0)))
        if value is not None:
            budgets[slider.keyword] = value
    weights = {}
    if data.draw(st.booleans()):
        weights = {"accuracy": 1.0, "latency_ms": data.draw(st.sampled_from([-1.0, -0.25]))}
    level = data.draw(st.sampled_from([None, None, 0.9]))
    return State(budgets=budgets, objective=weights, confidence=level)


# A space on targets


@given(st.data())
@settings(max_examples=40)
def test_answers_are_those_of_search(space: SpaceSource, data: Any) -> None:
    state = state_of(space, data)
    asked: dict[str, Any] = {**state.budgets, "confidence": state.confidence}
    if state.objective:
        asked["objective"] = state.objective
    for answer, target in zip(space.answer(state, 7), TARGETS, strict=True):
        assert answer.request == 7
        if answer.error:  # a budget on energy or area, a level without a budget on latency
            with pytest.raises(ArgumentError) as caught:
                flash.search(SMALL, target, **asked)
            assert answer.error == str(caught.value)
            assert (answer.status, answer.found) == ("ERROR", False)
        else:
            agree(answer, flash.search(SMALL, target, **asked))


def agree(answer: Answer, expected: flash.SearchResult) -> None:
    assert timeless(answer.result) == timeless(expected)
    assert (answer.found, answer.proven) == (expected.success, expected.proven)
    assert answer.objective == expected.objective
    assert answer.status == expected.status
    assert answer.error == ""
    for one in answer.measures:
        assert one.limit == expected.budgets.get(f"max_{one.name}"), one
        if expected.success:
            assert one.value == getattr(expected, one.name)
            assert one.interval == (expected.intervals or {}).get(one.name)
            assert one.unit in one.text
    if expected.success:
        assert {"latency_ms", "params", "macs"} <= {one.name for one in answer.measures}
        assert answer.parts


def test_explanations_lead_to_states_that_hold(space: SpaceSource) -> None:
    binding, _ = space.explain(State(budgets={"max_latency_ms": 2.0, "max_macs": 10**12}))
    result = flash.search(SMALL, "rram", max_latency_ms=2.0, max_macs=10**12)
    assert (
        [one.keyword for one in binding.binds] == list(result.binding or {}) == ["max_latency_ms"]
    )
    free = binding.binds[0]
    assert free.free.budgets == {"max_macs": 10**12}
    assert space.answer(free.free)[0].objective == free.unlimited
    assert binding.flags == result.flags
    nothing = State(budgets={"max_latency_ms": 0.01, "max_energy_mj@rram": 1e-6})
    first, other = space.explain(nothing)
    assert first.conflicts
    assert [one.state.budgets for one in first.changes] == [
        {"max_latency_ms": one["max_latency_ms"], "max_energy_mj@rram": one["max_energy_mj"]}
        for one in flash.search(SMALL, "rram", max_latency_ms=0.01, max_energy_mj=1e-6).remedies
    ]
    for change in first.changes:
        assert space.answer(change.state)[0].found
    assert space.answer(other.changes[0].state)[1].found


def test_a_target_without_energy_says_so(space: SpaceSource) -> None:
    state = State(budgets={"max_energy_mj": 0.02}, target="cpu-x86")
    first, other = space.answer(state)
    assert first.found
    assert "does not model energy_mj" in other.error
    assert "does not model energy_mj" in space.explain(state)[1].message
    view = space.front(state)
    assert "does not model energy_mj" in view.error
    assert not view.places
    assert space.costs(state)[1] is None
    assert space.costs(state)[0].latency_ms == first.result.latency_ms  # type: ignore[union-attr]


def test_a_budget_that_no_target_models_is_left_out() -> None:
    with pytest.raises(ArgumentError, match="'cpu-x86' does not model energy_mj"):
        opened("resnet", "cpu-x86", start=State(budgets={"max_energy_mj": 3.0}))
    source = opened("resnet", "cpu-x86")
    state, wrong = source.checked(State(budgets={"max_energy_mj": 3.0, "max_params": 1e6}))
    assert state.budgets == {"max_params": 1_000_000}
    assert type(state.budgets["max_params"]) is int
    assert len(wrong) == 1


@pytest.mark.parametrize(
    "state",
    [
        State(),
        State(budgets={"max_latency_ms": 3.0}, front=("accuracy", "latency_ms", "energy_mj")),
        State(budgets={"max_energy_mj@rram": 0.02}, front=("energy_mj", "area_mm2")),
        State(budgets={"max_params": 10**6}, target="cpu-x86", front=("params", "latency_ms")),
    ],
)
def test_fronts_are_those_of_pareto_and_their_points_are_answers(
    space: SpaceSource, state: State
) -> None:
    target = state.target or "rram"
    goals = state.front or ("accuracy", "latency_ms")
    budgets: Any = {
        name: value
        for name, value in state.budgets_on(target).items()
        if name.removeprefix("max_") not in goals
    }
    view = space.front(state)
    expected = flash.pareto(SMALL, target, goals, **budgets)
    assert view.front == expected
    assert view.limits == {
        name: state.budgets_on(target)[f"max_{name}"]
        for name in goals
        if f"max_{name}" in state.budgets_on(target)
    }
    assert view.exact
    assert view.error == ""
    assert view.total == len(expected)
    assert len(view.places) == len(view.texts) == min(view.total, 800)
    assert view.knee in view.places
    answer = space.answer(state)[TARGETS.index(target)]
    assert view.here is not None
    for name in goals:
        shown = answer.result.nn_degree if name == "accuracy" else getattr(answer.result, name)
        assert view.here[name] == shown
    for place in view.places[:: max(1, len(view.places) // 5)]:
        there = space.go(state, place)
        found = space.answer(there)[TARGETS.index(target)].result
        assert found.proven
        assert found.x == tuple(expected.x[place].tolist())
        at = view.places.index(place)
        assert all(view.columns[k][at] == expected.values(k)[place] for k in goals)
    with pytest.raises(ArgumentError, match="none of number"):
        space.go(state, view.total)


def run(capsys: pytest.CaptureFixture[str], command: str) -> Any:
    words = shlex.split(command)
    assert words[0] == "flash"
    main([*words[1:], "--json"])
    return json.loads(capsys.readouterr().out)


def same_data(one: dict[str, Any], other: dict[str, Any]) -> bool:
    loose = ("elapsed_s", "nfev", "weighed")
    return all(one[key] == other[key] for key in one if key not in loose)


@pytest.mark.parametrize(
    "state",
    [
        State(budgets={"max_latency_ms": 2.5, "max_params": 10**6}),
        State(budgets={"max_macs": 123456789.5}, objective={"accuracy": 1.0, "latency_ms": -0.5}),
        State(budgets={"max_latency_ms@rram": 2.0, "max_latency_ms": 3.0}, confidence=0.9),
        State(where=("depth_0 == depth_1", "latency_ms >= 0.2")),
    ],
)
def test_commands_reproduce_the_answer(
    space: SpaceSource, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = space.command(state).splitlines()
    assert len(commands) == len(TARGETS)
    answers = space.answer(state)
    lines = space.python(state).splitlines()[2:]
    for command, line, answer in zip(commands, lines, answers, strict=True):
        told = run(capsys, command)
        found = json.loads(json.dumps(answer.result.to_dict()))
        if "max_macs" in state.budgets:  # the command line takes whole ones
            assert told.pop("budgets")["max_macs"] == 123456789
        assert same_data(told, found)
        made = eval(line, {"flash": flash})
        assert timeless(made) == timeless(answer.result)
    if not state.where:
        front = space.whole_front(state.replace(confidence=None))
        told = run(capsys, space.front_command(state))
        assert told["x"] == front.x.tolist()
        assert eval(space.front_python(state).splitlines()[-1], {"flash": flash}) == front


def test_links_of_others_and_broken_ones_are_told(space: SpaceSource) -> None:
    query = (
        "source=resnet~rram&max_latency_ms=2.0&max_joy=3&max_area_mm2@pi=3&max_params=-1"
        "&weight_joy=2&front=accuracy&front=joy&target=pi&confidence=2&epsilon=7"
        "&min_accuracy=0.9"
    )
    read, wrong = State.from_query(query)
    assert wrong == ()
    state, wrong = space.checked(read)
    assert state.budgets == {"max_latency_ms": 2.0}
    assert (state.front, state.target, state.epsilon) == ((), "", 0.0)
    told = "\n".join(wrong)
    for said in ("is of 'resnet~rram'", "'max_joy' is no budget", "no target 'pi'", "above 0",
                 "'joy' has no weight", "'joy' is no objective", "two or three", "confidence",
                 "epsilon", "needs a predictor"):  # fmt: skip
        assert said in told
    assert space.checked(space.start) == (space.start, ())
    assert all(answer.found for answer in space.answer(state))
    bad = space.answer(State(where=("depth_9 == 1",)))
    assert all("depth_9" in one.error for one in bad)


def test_several_threads_get_the_same_answers(space: SpaceSource) -> None:
    states = [State(budgets={"max_latency_ms": 0.5 + 0.05 * k}) for k in range(60)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(space.answer, states, range(60)))
        fronts = list(pool.map(space.front, states[:20]))
        list(pool.map(space.explain, states[:20]))
    for k, (state, own) in enumerate(zip(states, found, strict=True)):
        assert [one.request for one in own] == [k, k]
        expected = flash.search(SMALL, "rram", max_latency_ms=state.budgets["max_latency_ms"])
        assert timeless(own[0].result) == timeless(expected)
    for state, view in zip(states, fronts, strict=False):
        assert view.state == state
        assert view.total == len(flash.pareto(SMALL, "rram"))


def test_sliders_reach_from_the_least_to_where_nothing_binds(space: SpaceSource) -> None:
    sliders = {one.keyword: one for one in space.sliders}
    assert {"max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs"} <= {
        *sliders
    }
    assert sliders["max_energy_mj"].targets == ("rram",)
    free = flash.search(SMALL, "rram").objective
    for slider in (sliders["max_energy_mj"], sliders["max_area_mm2"]):
        strict: Any = slider.value_at(0.0)
        assert space.answer(State(budgets={slider.keyword: strict}))[0].found
        less: Any = {slider.keyword: slider.low * 0.999}
        assert flash.search(SMALL, "rram", **less).status == "INFEASIBLE"
        most: Any = {slider.keyword: slider.high}
        assert flash.search(SMALL, "rram", **most).objective == free


def test_codesign_shows_the_accelerator(capsys: pytest.CaptureFixture[str]) -> None:
    small = flash.ResNet(depths=[1, 2], skips=[0, 16])
    source = SpaceSource(
        small, ["fpga-zu3eg"], words=["resnet", "--depths", "1,2", "--skips", "0,16"]
    )
    assert source.codesign
    assert source.confidences == ()
    state = State(budgets={"max_latency_ms": 1.0}, codesign=True)
    (answer,) = source.answer(state)
    expected = flash.search(small, "fpga-zu3eg", codesign=True, max_latency_ms=1.0)
    assert timeless(answer.result) == timeless(expected)
    assert any(isinstance(one, tuple) and one[0][0][0] == "accelerator" for one in answer.parts)
    assert source.costs(state) == (None,)
    view = source.front(state)
    assert view.front == flash.pareto(small, "fpga-zu3eg", codesign=True)
    assert view.limits == {"latency_ms": 1.0}
    if answer.result.objective_name == "quantised nn_degree":
        assert view.goals[0].label == "quantised NN-Degree"
        assert view.here["accuracy"] == answer.objective  # type: ignore[index]
        assert "quantised NN-Degree" in answer.headline
    place = view.places[-1]
    there = source.go(state, place)
    assert there.codesign
    assert source.answer(there)[0].result.latency_ms == view.columns["latency_ms"][-1]
    assert same_data(run(capsys, source.command(state)), json.loads(expected.to_json()))
    assert source.checked(State(confidence=0.9))[0].confidence is None


def test_too_large_a_front_says_so_and_offers_epsilon(
    space: SpaceSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flash.exploring.cloud.LIVE_S", 1e-9)
    state = State(front=("accuracy", "params", "macs"))
    view = space.front(state)
    assert "takes longer than" in view.message
    assert not view.exact
    assert [one.state.epsilon for one in view.offers] == [0.01, 0.03, 0.1]
    conditional = space.front(State(where=("depth_0 == depth_1",)))
    assert conditional.offers == ()
    assert "a search of its own" in conditional.message
    monkeypatch.undo()
    coarse = space.front(view.offers[0].state)
    assert coarse.front == flash.pareto(SMALL, "rram", state.front, epsilon=0.01)
    assert not coarse.exact
    assert "within 1 %" in coarse.message


def test_trained_networks_are_points(tmp_path: Path) -> None:
    path = tmp_path / "trained.csv"
    path.write_text("name,accuracy\n5,0.9\n7,0.95\n7,0.93\n")
    source = opened(SMALL, "rram", trained=path)
    by_name = {one.name: one for one in source.trained["rram"]}
    assert len(by_name) == 2
    seven = next(one for one in by_name.values() if one.runs == 2)
    assert seven.accuracy == pytest.approx(0.94)
    cost = flash.Target.load("rram").cost(SMALL.decode(7))
    assert seven.metrics["latency_ms"] == cost.latency_ms
    assert "94.00 %" in seven.text
    assert source.front(State()).trained == source.trained["rram"]
    path.write_text("name,accuracy\n5,2000\n")
    with pytest.raises(ArgumentError, match="accuracy"):
        opened(SMALL, "rram", trained=path)


def test_a_predictor_gives_a_least_accuracy() -> None:
    source = SpaceSource(SMALL, ["cpu-x86"], predictor="default")
    slider = next(one for one in source.sliders if one.keyword == "min_accuracy")
    assert not slider.greatest
    middle: Any = slider.value_at(0.5)
    state = State(budgets={"min_accuracy": middle}, objective={"latency_ms": -1.0})
    (answer,) = source.answer(state)
    assert answer.result.accuracy >= middle
    shown = next(one for one in answer.measures if one.name == "accuracy")
    assert shown.limit == middle
    assert shown.limit_text.startswith("at least ")
    assert source.front(State()).columns["accuracy"][0] == source.answer(State())[0].result.accuracy
    assert source.command(state) == ""  # SMALL is no name, and no words are given
    assert "from_dict" in source.python(state)


# Problems of choices


@given(st.data())
@settings(max_examples=25)
def test_choices_are_those_of_choose(choices: ChoiceSource, data: Any) -> None:
    budgets = {}
    for slider in data.draw(st.sets(st.sampled_from(choices.sliders))):
        value = slider.value_at(data.draw(st.floats(0.0, 1.0)))
        if value is not None:
            budgets[slider.keyword] = value
    weights = data.draw(st.sampled_from([{}, {"ms": 1.0}, {"loss": 1.0, "ms": 0.5}]))
    state = State(budgets=budgets, objective=weights)
    asked: dict[str, Any] = {"minimize": "loss"}
    if len(weights) == 1:
        asked = {"minimize": "ms"}
    elif weights:
        asked = {"minimize": {"sum": weights}}
    where = [f"{name[4:]} <= {value!r}" for name, value in budgets.items()]
    expected = flash.choose(choices.problem, **asked, where=where or None)
    (answer,) = choices.answer(state)
    assert answer.result.metrics == expected.metrics
    assert (answer.objective, answer.proven) == (expected.objective, expected.proven)
    (why,) = choices.explain(state)
    assert {one.keyword for one in why.binds} == set(expected.binding or ())
    for change in why.changes:
        assert choices.answer(change.state)[0].found
    for one in why.binds:
        assert choices.answer(one.free)[0].objective == one.unlimited


def test_a_front_of_choices_and_its_commands(
    choices: ChoiceSource, capsys: pytest.CaptureFixture[str]
) -> None:
    state = State(budgets={"max_kib": 200.0}, front=("loss", "ms"))
    view = choices.front(state)
    expected = flash.pareto(choices.problem, minimize=["loss", "ms"], where="kib <= 200")
    assert isinstance(view.front, flash.ChoiceFront)
    assert [one.values for one in view.front] == [one.values for one in expected]
    assert view.exact
    for place in view.places:
        metrics = choices.answer(choices.go(state, place))[0].result.metrics
        assert (metrics["loss"], metrics["ms"]) == expected[place].values
    told = run(capsys, choices.command(state))
    assert told["metrics"] == choices.answer(state)[0].result.metrics
    told = run(capsys, choices.front_command(state))
    assert [tuple(one["values"]) for one in told["points"]] == [one.values for one in expected]
    weighed = State(objective={"loss": 1.0, "ms": 0.5})
    assert run(capsys, choices.command(weighed))["objective"] == (
        choices.answer(weighed)[0].objective
    )
    made: dict[str, Any] = {}
    lines = choices.python(weighed).splitlines()
    exec("\n".join(lines[:-1]), made)
    assert eval(lines[-1], made).objective == choices.answer(weighed)[0].objective


def test_what_is_greatest_is_maximised(table: str) -> None:
    source = opened(
        table, columns={"group": "layer", "option": "bits"}, maximize="kib", minimize="ms"
    )
    assert source.start.objective == {"ms": 1.0}
    up = {one.name for one in source.goals if one.greatest}
    assert up == {"kib"}
    (answer,) = source.answer(State(objective={"kib": 1.0}))
    assert answer.result.metrics["kib"] == 4 * 72
    (mixed,) = source.answer(State(objective={"kib": 1.0, "ms": 100.0}))
    assert mixed.result.metrics["kib"] == 4 * 18
    view = source.front(State(front=("kib", "ms")))
    assert view.exact
    assert view.columns["kib"] == tuple(sorted(view.columns["kib"])) or view.total
    for place in view.places:
        metrics = source.answer(source.go(State(front=("kib", "ms")), place))[0].result.metrics
        assert metrics["kib"] == view.columns["kib"][view.places.index(place)]


# A saved front


@given(st.data())
@settings(max_examples=25)
def test_a_saved_front_answers_as_at(saved: FrontSource, data: Any) -> None:
    budgets = {}
    for slider in data.draw(st.sets(st.sampled_from(saved.sliders))):
        value = slider.value_at(data.draw(st.floats(0.0, 1.0)))
        if value is not None:
            budgets[slider.keyword] = value
    state = State(budgets=budgets)
    expected = saved.whole.at(**budgets)
    (answer,) = saved.answer(state)
    agree(answer, expected)
    (why,) = saved.explain(state)
    searched = flash.search(SMALL, "rram", **budgets)
    assert {one.keyword for one in why.binds} == set(searched.binding or ())  # in any order
    for one in why.binds:
        assert one.unlimited == (searched.binding or {})[one.keyword]["unlimited"]
    for change in why.changes:
        assert saved.answer(change.state)[0].found
    view = saved.front(state)
    assert view.total == len(saved.whole)
    view = saved.front(state.replace(front=("accuracy", "latency_ms")))
    inside = saved.whole.energy_mj <= budgets.get("max_energy_mj", 1e9)
    assert list(view.places) == np.flatnonzero(inside).tolist()
    assert not view.exact


def test_points_of_a_saved_front(saved: FrontSource, capsys: pytest.CaptureFixture[str]) -> None:
    for place in range(0, len(saved.whole), 7):
        there = saved.go(State(budgets={"max_latency_ms": 1e9}), place)
        assert saved.at(there).x == tuple(saved.whole.x[place].tolist())
    state = State(budgets={"max_latency_ms": 2.0})
    lines = saved.python(state).splitlines()
    made: dict[str, Any] = {}
    exec("\n".join(lines[:-1]), made)
    assert timeless(eval(lines[-1], made)) == timeless(saved.at(state))
    assert saved.command(state) == ""  # SMALL has no name
    assert saved.answer(State(budgets={"max_latency_ms": 1.0, "max_energy_mj": 1.0}))
    assert saved.front(State(front=("accuracy", "area_mm2"))).message.endswith("may be missing")
    whole = FrontSource(flash.pareto("resnet", "rram", max_area_mm2=60.0))
    told = run(capsys, whole.command(state))
    assert told["x"] == list(whole.at(state).x or ())


def test_a_saved_front_of_choices(choices: ChoiceSource, tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    front = flash.pareto(choices.problem, minimize=["loss", "ms"])
    front.to_json(path)
    source = opened(path)
    assert isinstance(source, ChoiceFrontSource)
    for place in source.front(State()).places:
        assert source.at(source.go(State(), place)) == place
    (answer,) = source.answer(State(budgets={"max_ms": 5.0}))
    expected = flash.choose(choices.problem, minimize="loss", where="ms <= 5.0")
    assert answer.objective == expected.objective
    (nothing,) = source.answer(State(budgets={"max_ms": 0.1}))
    assert nothing.status == "INFEASIBLE"
    (why,) = source.explain(State(budgets={"max_ms": 0.1}))
    assert source.answer(why.changes[0].state)[0].found
    made: dict[str, Any] = {}
    lines = source.python(State(budgets={"max_ms": 5.0})).splitlines()
    exec("\n".join(lines[:-1]), made)
    assert eval(lines[-1], made) == answer.result


# A sweep's folder


def test_a_sweep_answers_with_its_best_row(swept: SweepSource) -> None:
    pytest.importorskip("pandas")
    for budgets in ({}, {"max_energy_mj": 0.01}, {"max_area_mm2": 60.0, "max_latency_ms": 2.0}):
        state = State(budgets=budgets)
        (answer,) = swept.answer(state)
        merged: Any = {"max_latency_ms": 3.0, **budgets}
        expected = flash.search(SMALL, "rram", **merged)
        assert answer.proven  # all networks were looked at
        assert answer.result.x == expected.x
        assert answer.objective == expected.objective
        assert answer.result.budgets == expected.budgets
        view = swept.front(state)
        merged["max_latency_ms"] = 3.0  # budgets on the objectives are lines
        front = flash.pareto(SMALL, "rram", **merged)
        columns = sorted(zip(view.columns["accuracy"], view.columns["latency_ms"], strict=True))
        assert columns == sorted(zip(front.nn_degree, front.latency_ms, strict=True))
        assert view.cloud_total >= view.total
        for place in view.places[::3]:
            assert swept.best(swept.go(state, place).budgets) == place
    made: dict[str, Any] = {}
    lines = swept.python(State(budgets={"max_area_mm2": 60.0})).splitlines()
    exec("\n".join(lines[:-1]), made)
    row = eval(lines[-1], made)
    assert row["index"].item() == swept.at(State(budgets={"max_area_mm2": 60.0})).index
    (nothing,) = swept.answer(State(budgets={"max_area_mm2": 0.1}))
    assert nothing.status == "INFEASIBLE"
    (why,) = swept.explain(State(budgets={"max_area_mm2": 0.1}))
    assert swept.answer(why.changes[0].state)[0].found


def test_a_sample_proves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    flash.sweep(SMALL, "rram", sample=50, out=tmp_path / "few")
    source = opened(tmp_path / "few")
    (answer,) = source.answer(State())
    assert (answer.found, answer.proven, answer.status) == (True, False, "FEASIBLE")
    assert "not all networks" in source.front(State()).message
    (nothing,) = source.answer(State(budgets={"max_latency_ms": 1e-3}))
    assert not nothing.proven
    assert nothing.status == "NOT_FOUND"
    manifest = tmp_path / "few" / "_manifest.json"
    manifest.write_text(manifest.read_text().replace("true", "false", 1))
    with pytest.raises(flash.FlashError, match="damaged"):
        opened(tmp_path / "few")


# Files


def test_files_of_a_space(space: SpaceSource, tmp_path: Path) -> None:
    state = State(budgets={"max_latency_ms": 2.0})
    result = flash.search(SMALL, "rram", max_latency_ms=2.0)
    file = space.export(state, "json")
    assert timeless(flash.SearchResult.from_json(file.data.decode())) == timeless(result)
    rows = list(csv.DictReader(io.StringIO(space.export(state, "table").data.decode())))
    assert float(rows[0]["latency_ms"]) == result.latency_ms
    front = flash.pareto(SMALL, "rram")
    file = space.export(state, "front-json")
    assert flash.ParetoFront.from_json(file.data.decode()) == front
    rows = list(csv.DictReader(io.StringIO(space.export(state, "front-table").data.decode())))
    assert [float(row["latency_ms"]) for row in rows] == front.latency_ms.tolist()
    assert [int(row["index"]) for row in rows] == [one.index for one in front]
    with pytest.raises(ArgumentError, match="did you mean 'json'"):
        space.export(state, "jsom")
    with pytest.raises(ArgumentError, match="no network to write"):
        space.export(State(budgets={"max_latency_ms": 1e-6}), "onnx")


@pytest.mark.slow
@pytest.mark.torch
def test_a_network_as_onnx(space: SpaceSource) -> None:
    onnx = pytest.importorskip("onnx")
    file = space.export(State(budgets={"max_latency_ms": 1.0}), "onnx")
    assert file.name == "densenet-rram.onnx"
    onnx.checker.check_model(onnx.load_from_string(file.data))


def test_numbers_of_blocks_are_whole() -> None:
    space = flash.MobileNetV3()
    ends = np.array([[0] * len(space.variables), [length - 1 for length in space.lengths]])
    columns = cell_columns(space, ends)
    depths = [value for name, own in columns.items() if name.startswith("depth") for value in own]
    assert depths
    assert all(type(one) is int for one in depths)
    assert not any(one != one for own in columns.values() for one in own)  # None, no NaN


def test_files_of_choices_and_of_sweeps(
    choices: ChoiceSource, swept: SweepSource, saved: FrontSource
) -> None:
    state = State(budgets={"max_ms": 5.0})
    answer = flash.ChoiceResult.from_json(choices.export(state, "json").data.decode())
    assert answer.metrics == choices.answer(state)[0].result.metrics
    file = choices.export(state, "table")
    head, *rows_of_it = csv.reader(io.StringIO(file.data.decode()))
    assert head == ["layer", "bits"]  # as the table calls them, in a file that is not the table
    assert file.name == "blocks-choices.csv"
    assert dict(rows_of_it) == answer.choices
    front = flash.ChoiceFront.from_json(choices.export(state, "front-json").data.decode())
    assert len(front) == choices.front(state).total
    text = choices.export(state, "front-table").data.decode()
    assert len(text.splitlines()) == len(front) + 1
    with pytest.raises(ArgumentError, match="no answer to write"):
        choices.export(State(budgets={"max_ms": 0.001}), "table")
    rows = list(csv.DictReader(io.StringIO(swept.export(State(), "front-table").data.decode())))
    assert len(rows) == swept.front(State()).total
    assert (
        flash.ParetoFront.from_json(saved.export(State(), "front-json").data.decode())
        == saved.whole
    )


# What is opened


def test_what_is_opened_is_told_apart(
    table: str, saved: FrontSource, swept: SweepSource, choices: ChoiceSource, tmp_path: Path
) -> None:
    columns = {"group": "layer", "option": "bits"}
    assert opened(table, columns=columns).kind == "choices"
    assert opened(choices.problem).kind == "choices"
    path = tmp_path / "problem.json"
    choices.problem.to_json(path)
    source = opened(path)
    assert source.kind == "choices"
    assert source.command(State()) == ""  # `flash choose` reads tables
    assert "from_json" in source.python(State())
    assert opened(saved.whole).kind == "front"
    assert opened(swept._folder).kind == "sweep"
    assert opened("resnet", "rram").kind == "space"
    path = tmp_path / "space.json"
    path.write_text(json.dumps(SMALL.to_dict()))
    source = opened(path, ["rram"])
    assert source.command(State()) == f"flash search {path} rram"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.json", "{", "not valid JSON"),
        ("x.json", '{"a": 1}', "none of what is explored"),
        ("x.json", '{"family": "resnet"}', "needs at least one target"),
        ("x.json", '{"status": "OPTIMAL", "x": [], "objective_name": "a"}', "is a search result"),
        ("x.csv", "a,b\n", "at least one row|group"),
        ("x.txt", "a", "none of what is explored"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ArgumentError, match=said):
        opened(path)


def test_what_is_not_explored_is_refused(tmp_path: Path) -> None:
    refused: Any = [
        ("resnet", {}, "needs a target"),
        (SMALL, {}, "at least one target"),
        (tmp_path, {}, "none of a sweep"),
        (3, {}, "must be"),
        ("resnet", {"targets": ["rram", "rram"]}, "twice"),
        ("resnet", {"targets": "rram", "minimize": "loss"}, "minimize is of a table"),
        ("resnet", {"targets": ["rram"] * 20}, "at most"),
        ("resnet", {"targets": "rram", "start": State(budgets={"max_joy": 1.0})}, "max_joy"),
        ("resnet", {"targets": flash.together(a="rram", b="cpu-x86")}, "together"),
    ]
    for what, asked, said in refused:
        with pytest.raises(flash.FlashError, match=said):
            opened(what, **asked)
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "none.csv")
    with pytest.raises(ArgumentError, match="kept no rows"):
        opened(flash.sweep(flash.ResNet(depths=[1], skips=[0]), "rram"))


@pytest.mark.parametrize("family", ["resnet", "mobilenet-v2"])
def test_default_spaces(family: str) -> None:
    source = opened(family, ["cpu-x86"])
    slider = next(one for one in source.sliders if one.keyword == "max_latency_ms")
    values: list[Any] = [slider.value_at(k / 6) for k in range(6)]
    found = [source.answer(State(budgets={"max_latency_ms": one}))[0] for one in values]
    for value, answer in zip(values, found, strict=True):
        agree(answer, flash.search(family, "cpu-x86", max_latency_ms=value))
    assert all(a.objective <= b.objective for a, b in pairwise(found))  # type: ignore[operator]


def test_a_table_of_usual_columns_is_said_in_python(tmp_path: Path) -> None:
    """Whose columns need no names, so that nothing but the file tells it from a problem's JSON."""
    path = tmp_path / "usual.csv"
    path.write_text("group,option,loss,ms\na,x,1,2\na,y,2,1\nb,x,3,1\n")
    source = ChoiceSource(path)
    lines = source.python(source.start).splitlines()
    told: dict[str, Any] = {"flash": flash}
    exec("\n".join(lines[:-1]), told)
    assert eval(lines[-1], told).metrics == source.answer(source.start)[0].result.metrics
    assert source.command(source.start).startswith("flash choose ")
