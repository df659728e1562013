"""What a type checker knows of the public names: mypy and pyright read this file too.

`assert_type` does nothing here; the checkers refuse it where their type is another. What would take
long is for them alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
from numpy.typing import NDArray

import flash

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure

    from flash.hardware.costing import LayerCost
    from flash.networks.cell_networks import Block
    from flash.predictors.evidence import Report
    from flash.results.accelerator import Accelerator
    from flash.results.event import Event
    from flash.spaces.choices import Choices
    from flash.spaces.network_space import NetworkSpace
    from flash.sweeps.result import Histogram
    from flash.training.results import TrainingResult

SPACE = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2])


def test_search_of_one_target() -> None:
    result = flash.search(SPACE, "rram", max_latency_ms=4.0)
    assert_type(result, flash.SearchResult)
    assert_type(result.architecture, flash.Architecture | None)
    assert_type(result.latency_ms, float | None)
    assert_type(result.params, int | None)
    assert_type(result.x, tuple[int, ...] | None)
    assert_type(result.gap, float | None)
    assert_type(result.proven, bool)
    assert_type(result.status, str)
    assert_type(result.budgets, Mapping[str, float])
    assert_type(result.index, int | None)
    assert_type(result.flags, tuple[str, ...])
    assert_type(result.replace(seed=1), flash.SearchResult)
    assert_type(flash.SearchResult.from_json(result.to_json()), flash.SearchResult)
    assert result.architecture is not None
    assert_type(result.architecture.cells[0].width, int)
    assert_type(result.architecture.network().layers[0].kernel, int)
    if TYPE_CHECKING:
        assert_type(result.accelerator, Accelerator | None)
        assert_type(result.to_torch(), torch.nn.Module)
        assert_type(result.to_frame(), DataFrame)
        assert_type(result.plot(), Figure)
        assert_type(result.plot("plotly", budget="max_params"), PlotlyFigure)
        assert_type(result.sensitivity(), dict[str, tuple[tuple[float, float], ...]])


def test_explore() -> None:
    if TYPE_CHECKING:
        page = flash.explore(SPACE, "rram", browser=False)
        assert_type(page, flash.Explorer)
        assert_type(page.address, str)


def test_suggest() -> None:
    found = flash.suggest(SPACE, "rram", [(0, 0.5)], n=2)
    assert_type(found, flash.Suggestion)
    assert_type(found.networks, tuple[flash.Architecture, ...])
    assert_type(found.best, tuple[flash.Architecture, float] | None)
    assert_type(list(found), list[flash.Architecture])
    assert_type(found.rows, NDArray[np.int64])
    assert_type(found.costs, dict[str, NDArray[np.float64]])
    cells = flash.suggest(flash.PNASCells(1), "cpu-x86", n=1)
    assert_type(cells, flash.Suggestion[flash.CellNetwork])
    assert_type(cells.networks, tuple[flash.CellNetwork, ...])


def test_search_of_many_targets() -> None:
    fleet = flash.search(SPACE, ["rram", flash.Target.load("cpu-x86")], max_latency_ms=[4.0, None])
    assert_type(fleet, flash.FleetResult)
    assert_type(fleet[0], flash.SearchResult)
    assert_type(fleet.elapsed_s, float)
    assert_type([one.status for one in fleet], list[str])
    assert [one.target for one in fleet] == ["rram", "cpu-x86"]


def draws(task: flash.Task, *, batch: int = 8) -> None:
    """A method of one's own, as checkers see it."""
    assert_type(task, flash.Task)
    rows = task.draw(batch)
    assert_type(rows, NDArray[np.int64])
    assert_type(task.evaluate(rows).merit, NDArray[np.float64])
    assert_type(task.excess(rows), NDArray[np.float64])
    assert_type(task.rng, np.random.Generator)
    assert_type(task.target, flash.Target)
    assert_type(task.options, dict[str, Any])


class Stack(flash.NetworkSpace):
    """A space of one's own: its networks are of class Network."""

    family = "stack"
    lengths, variables, groups = (3, 2), ("width", "depth"), ((0, 1),)

    def name(self, row: Sequence[int]) -> str:
        return "-".join(map(str, row))

    def network(self, row: Sequence[int]) -> flash.Network:
        rows = [{"kind": "conv", "out_channels": 8 + int(row[0]), "kernel": 3}] * (1 + int(row[1]))
        return flash.Network.from_layers(rows, (3, 8, 8))


def test_methods_spaces_and_evaluators_of_ones_own() -> None:
    def judge(nets: list[flash.Network]) -> list[float]:
        return [0.5] * len(nets)

    assert_type(flash.search(SPACE, "rram", method=draws), flash.SearchResult)
    assert_type(flash.search(SPACE, ["rram", "cpu-x86"], method=draws), flash.FleetResult)
    found = flash.search(Stack(), "cpu-x86", method=draws, evaluator=judge, max_evals=3)
    assert_type(found, flash.SearchResult[flash.Network])
    assert_type(found.architecture, flash.Network | None)
    compared = flash.compare(SPACE, "rram", methods=["random", draws], seeds=1, max_evals=3)
    assert_type(compared, flash.Comparison)
    assert_type(flash.register("method", "draws-of-types", draws), None)
    assert_type(flash.plugins(), tuple[flash.Plugin, ...])
    assert_type(flash.plugins()[0].brings, tuple[tuple[str, str], ...])
    assert_type(flash.MethodOption(3, 1, 9).choices, tuple[str, ...])
    if TYPE_CHECKING:
        flash.search(SPACE, "rram", method=judge)  # type: ignore[arg-type]  # pyright: ignore


def test_search_of_several_devices_and_conditions() -> None:
    devices = flash.together(pi="raspberry-pi-4", chip=flash.Target.load("rram"))
    assert_type(devices, flash.Together)
    assert_type(devices.targets, dict[str, flash.Target])
    assert_type(devices.name, str)
    assert_type(devices.metrics, tuple[str, ...])
    result = flash.search(
        SPACE, devices, where=["latency_ms@pi <= 900"], k=2, min_distance=2, min_nn_degree=1.0,
        objective=["accuracy", {"sum": {"latency_ms@pi": -1}}],
    )  # fmt: skip
    assert_type(result, flash.SearchResult)
    assert_type(result.where, tuple[str, ...])
    assert_type(result.costs, Mapping[str, float] | None)
    assert_type(result.alternatives, tuple[flash.SearchResult, ...])
    assert len(result.alternatives) == 1
    assert_type(flash.search(SPACE, "rram", minimize="latency_ms"), flash.SearchResult)
    assert_type(flash.search(SPACE, [devices, "rram"], where="macs >= 1"), flash.FleetResult)
    front = flash.pareto(SPACE, "rram", where="depth_0 == 5", max_latency_ms=1.0)
    assert_type(front.where, tuple[str, ...])
    swept = flash.sweep(SPACE, "rram", where=["depth_0 == 5"], sample=10)
    assert_type(swept.where, str | None)


def test_search_of_another_paper_s_space() -> None:
    space = flash.PNASCells(blocks=1)
    assert_type(space.decode(0), flash.CellNetwork)
    assert_type(space.blocks, "Choices")
    result = flash.search(space, "cpu-x86", method="random", max_evals=3)
    assert_type(result, flash.SearchResult[flash.CellNetwork])
    assert_type(result.architecture, flash.CellNetwork | None)
    found: flash.SearchResult[flash.CellNetwork] = result  # at run time it is the class itself
    assert isinstance(found, flash.SearchResult)
    assert result.architecture is not None
    assert_type(result.architecture.blocks, Sequence["Block"])


def score(data: dict[str, NDArray[Any]]) -> NDArray[Any]:
    return -data["latency_ms"]


def stop(event: Event) -> bool:
    return event.nfev > 10


def rows_of_a_block(
    in_channels: int, out_channels: int, stride: int, *, kernel: Sequence[int] = (3, 5)
) -> list[dict[str, Any]]:
    """An option of a space of blocks, as its author types it."""
    return [
        {"kind": "conv", "in_channels": in_channels, "out_channels": out_channels,
         "kernel": kernel, "stride": stride}
    ]  # fmt: skip


def test_a_space_of_blocks() -> None:
    space = flash.BlockSpace(
        [flash.Stage(rows_of_a_block, [8, 16], flash.Range(1, 2))], input=(3, 8, 8), num_classes=4
    )
    assert_type(space.decode(0), flash.BlockNetwork)
    assert_type(space.sample(2), list[flash.BlockNetwork])
    assert_type(space.size, int)
    found = flash.search(space, "cpu-x86", max_latency_ms=1.0)
    assert_type(found, flash.SearchResult[flash.BlockNetwork])
    assert_type(found.architecture, flash.BlockNetwork | None)
    assert_type(flash.search(space, ["cpu-x86", "rram"]), flash.FleetResult)
    assert_type(flash.evaluate(space, "cpu-x86", [0, 1]), flash.evaluating.Table)
    assert_type(flash.pareto(space, "cpu-x86"), flash.ParetoFront)
    assert_type(flash.sweep(space, "cpu-x86", top=2), flash.SweepResult)
    compared = flash.compare(space, "cpu-x86", methods=["random"], seeds=1, max_evals=3)
    assert_type(compared, flash.Comparison[flash.BlockNetwork])
    network = space.decode(3)
    target = flash.Target.load("cpu-x86")
    assert_type(target.cost(network).latency_ms, float)
    assert_type(flash.nn_degree(network), float)
    assert_type(flash.BlockNetwork.from_dict(network.to_dict()), flash.BlockNetwork)
    assert flash.BlockNetwork.from_dict(network.to_dict()) == network
    if TYPE_CHECKING:
        flash.train(space, "digits", n=2)
        flash.train([network], "digits")
        flash.calibration_design(space, target, 2)
        target.costs(space, [0])


def test_functions_that_are_given() -> None:
    found = flash.search(SPACE, "rram", objective=score, compile_objective=False, callback=stop)
    assert_type(found, flash.SearchResult)
    weighed = flash.search(SPACE, "rram", objective={"accuracy": 1, "latency_ms": -1})
    assert_type(weighed, flash.SearchResult)


def test_spaces() -> None:
    assert_type(SPACE, flash.SearchSpace)
    assert_type(SPACE.size, int)
    assert_type(SPACE.depths, tuple["Choices", ...])
    assert_type(SPACE.num_classes, int)
    assert_type(SPACE.bounds, list[tuple[int, int]])
    assert_type(SPACE.decode(0), flash.Architecture)
    assert_type(SPACE.decode((0,) * 9), flash.Architecture)
    assert_type(SPACE.sample(2), list[flash.Architecture])
    mobile = flash.MobileNetV2(depths=(1, [1, 2], flash.Range(1, 2), 1, 1, 1, 1), kernels=[3, 5])
    assert_type(mobile, flash.SearchSpace)
    assert_type(flash.SearchSpace.from_dict(mobile.to_dict()), flash.SearchSpace)
    bypass = flash.BypassSpace()
    assert_type(bypass.decode(bypass.largest), flash.Network)
    assert_type(bypass.sample(1), list[flash.Network])
    assert_type(flash.Range(1, 5)[0], float)


def test_evaluate(tmp_path: Path) -> None:
    table = flash.evaluate(SPACE, "rram", np.arange(5))
    assert_type(table, flash.Table)
    assert_type(table["latency_ms"], NDArray[Any])
    assert_type(table.rows, int)
    rows = flash.evaluate(SPACE, "rram", iter([[0, 1], [2]]), out=tmp_path / "rows.parquet")
    assert_type(rows, int)
    assert rows == 3


def test_fronts() -> None:
    front = flash.pareto(SPACE, "rram", ["accuracy", "latency_ms"])
    assert_type(front, flash.ParetoFront)
    assert_type(front[0], flash.SearchResult)
    assert_type(front[:2], list[flash.SearchResult])
    assert_type(front.knee, flash.SearchResult)
    assert_type(front.at(max_latency_ms=2.0), flash.SearchResult)
    assert_type(front.latency_ms, NDArray[Any])
    assert_type(front.x, NDArray[np.int64])
    assert_type(front.architectures[0], flash.Architecture)
    assert_type(list(front), list[flash.SearchResult])
    assert_type(front.hypervolume(), float)
    if TYPE_CHECKING:
        assert_type(front.accelerators, Sequence[Accelerator] | None)
        assert_type(front.plot(), Figure)
        assert_type(front.plot("matplotlib"), Figure)
        assert_type(front.plot("plotly"), PlotlyFigure)


def test_sweeps() -> None:
    swept = flash.sweep(SPACE, "rram", top=3, max_latency_ms=4.0)
    assert_type(swept, flash.SweepResult)
    assert_type(swept.top, tuple[flash.SearchResult, ...])
    assert_type(swept.best, flash.SearchResult | None)
    assert_type(swept.count, int)
    if TYPE_CHECKING:
        assert_type(swept.histograms, dict[str, Histogram] | None)


def test_choices() -> None:
    problem = flash.ChoiceProblem.from_arrays({"loss": [[3, 1], [4, 2]], "ms": [[1, 2], [1, 4]]})
    assert_type(problem, flash.ChoiceProblem)
    assert_type(problem.size, int)
    assert_type(problem.values("loss"), NDArray[np.float64])
    found = flash.choose(problem, minimize="loss", where=["ms <= 5"], k=2)
    assert_type(found, flash.ChoiceResult)
    assert_type(found.choices, Mapping[str, str | None] | None)
    assert_type(found.proven, bool)
    front = flash.pareto(problem, minimize=["loss", "ms"], where="ms <= 5")
    assert_type(front, flash.ChoiceFront)
    assert_type(front[0].values, tuple[float, ...])
    assert_type(front[0].choices, Mapping[str, str | None])
    assert_type(flash.ChoiceFront.from_json(front.to_json()), flash.ChoiceFront)
    swept = flash.sweep(problem, minimize="loss", where=["ms <= 5"], sample=3)
    assert_type(swept, flash.ChoiceSweep)
    assert_type(swept.feasible, int)
    assert_type(swept.interval, tuple[float, float])
    if TYPE_CHECKING:
        assert_type(front.to_frame(), DataFrame)
        assert_type(front.plot(), Figure)
        assert_type(front.plot("plotly"), PlotlyFigure)
        assert_type(swept.histograms, Mapping[str, Histogram])


def test_comparisons() -> None:
    told = flash.compare(SPACE, "rram", methods=["random"], seeds=1, max_evals=5)
    assert_type(told, flash.Comparison)
    assert_type(told.runs["random"][0], flash.SearchResult)
    assert_type(told.optimum, float | None)
    space = flash.PNASCells(blocks=1)
    other = flash.compare(space, "cpu-x86", methods=["random"], seeds=1, max_evals=3)
    assert_type(other, flash.Comparison[flash.CellNetwork])
    assert_type(other.runs["random"][0].architecture, flash.CellNetwork | None)


def test_hardware() -> None:
    target = flash.Target.load("rram")
    network = SPACE.decode(0)
    assert_type(flash.targets(), tuple[str, ...])
    assert_type(target.metrics, tuple[str, ...])
    assert_type(target.cost(network), flash.Cost)
    assert_type(target.cost(network).energy_mj, float | None)
    assert_type(target.interval(network), dict[str, tuple[float, float]])
    assert_type(target.costs(SPACE, [0, 1])["latency_ms"], NDArray[np.float64])
    chosen = flash.calibration_design(SPACE, "cpu-x86", 2)
    assert_type(chosen, list[flash.Architecture])
    if TYPE_CHECKING:
        assert_type(target.cost(network).by_layer, tuple[LayerCost, ...])
        assert_type(flash.measure(network), flash.Measurement)
        assert_type(flash.measure(chosen), list[flash.Measurement])
        assert_type(flash.measure("net.onnx", runtime="onnxruntime"), flash.Measurement)
        assert_type(flash.export_measuring(chosen, "folder"), str)
        assert_type(flash.calibrate("cpu-x86", flash.measure(chosen)), flash.Target)
        assert_type(flash.calibrate(target, chosen, latency_ms=[1.0, 2.0]), flash.Target)
        assert_type(flash.calibrate(target, "measurements.jsonl"), flash.Target)


def test_networks() -> None:
    one, other = SPACE.sample(2)
    assert_type(one.params, int)
    assert_type(one.network(), flash.Network)
    assert_type(one.network().layers[0], flash.Layer)
    assert_type(flash.nn_degree(one), float)
    assert_type(flash.nn_degree([one, other]), NDArray[np.float64])
    assert_type(flash.nn_degree([16, 32], [3, 4], [0, 5]), float | NDArray[np.float64])
    assert_type(flash.nn_mass(one), float)
    assert_type(flash.nn_mass((one, other)), NDArray[np.float64])
    layer = flash.Layer("conv", 3, 8, 32, 32, kernel=(3, 1), padding=(1, 0))
    assert_type(layer.kernel, int)
    cells = [flash.Cell(16, 3, skips=4), flash.Cell(width=32, depth=3)]
    assert_type(flash.Architecture("densenet", cells), flash.Architecture)
    assert_type(flash.CellNetwork([(0, 0, "sep3x3", "identity"), (1, 2, 0, 4)]), flash.CellNetwork)
    if TYPE_CHECKING:
        assert_type(one.to_torch(), torch.nn.Module)


def test_predictors() -> None:
    nets = flash.DenseNet().sample(12, seed=1)
    fitted = flash.AccuracyPredictor.fit(nets, [0.8 + 0.01 * n for n in range(12)])
    assert_type(fitted, flash.AccuracyPredictor)
    assert_type(fitted.predict(nets[0]), float)
    assert_type(fitted.predict(nets), NDArray[np.float64])
    assert_type(fitted.interval(nets[0]), tuple[float, float])
    assert_type(fitted.interval(nets), NDArray[np.float64])
    assert_type(fitted.extrapolates(nets[0]), bool)
    assert_type(fitted.extrapolates(nets), NDArray[np.bool_])
    if TYPE_CHECKING:
        assert_type(fitted.report, Report | None)


def test_what_else_there_is() -> None:
    assert_type(flash.__version__, str)
    assert_type(flash.build_info(), dict[str, str])
    table = flash.TableEvaluator({"0": 0.5})
    assert_type(table.name, str)
    assert_type(flash.PredictorEvaluator().name, str)
    assert issubclass(flash.FlashError, Exception)


if TYPE_CHECKING:

    def trainings(path: os.PathLike[str], images: NDArray[np.float32], space: NetworkSpace) -> None:
        assert_type(flash.train("densenet", "digits"), TrainingResult)
        assert_type(flash.train(SPACE.sample(3), (images, [0, 1])), TrainingResult)
        trained = flash.train(SPACE, path, callback=lambda one: one.accuracy)
        assert_type(trained.accuracies, list[float])
        supernet = flash.train_supernet("resnet", "digits", epochs=1)
        assert_type(supernet, flash.Supernet)
        assert_type(supernet.score([0, 1]), list[float])
        assert_type(supernet.cut(0), torch.nn.Module)
        scores = flash.zero_cost_scores([SPACE.sample(1)[0], supernet.cut(0)], scores="zen")
        assert_type(scores["zen"], NDArray[np.float64])
        by_training = flash.TrainingEvaluator("digits", "folder", epochs=3)
        by_supernet = flash.SupernetEvaluator(supernet)
        assert_type(by_training.workers, int)
        found = flash.search(space, "cpu-x86", method="random", evaluator=by_supernet)
        assert_type(found, flash.SearchResult[flash.Network])

    def mistakes() -> None:
        result = flash.search(SPACE, "rram")
        flash.search(SPACE, "rram", max_latencyms=4)  # type: ignore[call-overload]
        flash.search(SPACE, "rram", max_latency_ms=[4.0])  # type: ignore[call-overload]
        _ = result.latencyms  # type: ignore[attr-defined]
        _ = flash.serach  # type: ignore[attr-defined]
        _ = flash.pareto(SPACE, "rram").latencyms  # type: ignore[attr-defined]
        flash.pareto(SPACE, minimize=["loss", "ms"])  # type: ignore[call-overload]
        result.latency_ms = 3.0  # type: ignore[misc]
        flash.DenseNet(depts=3)  # type: ignore[call-arg]


def test_bits_for_each_layer() -> None:
    if TYPE_CHECKING:
        module = flash.Architecture("resnet", [flash.Cell(8, 2)]).to_torch()
        table = flash.sensitivities(module, (np.zeros(3), [1, 2, 3]), measure="hessian")
        assert_type(table, flash.Sensitivities)
        assert_type(table.rows[0].loss, float)
        assert_type(table.rows[0].error, float | None)
        assert_type(table.layers, tuple[str, ...])
        assert_type(table.totals({"conv": 2}), dict[str, float])
        assert_type(table.to_frame(), DataFrame)
        assert_type(flash.Sensitivities.from_json(table.to_json()), flash.Sensitivities)
        assert_type(flash.quantised(module, {"conv": 2}), torch.nn.Module)
        answer = flash.choose(table.problem(), minimize="loss", k=3)
        best = flash.best_measured(module, (np.zeros(3), [1, 2, 3]), [answer, {"conv": 2}])
        assert_type(best, flash.MeasuredChoices)
        assert_type(best.choices, dict[str, int])
        assert_type(best.rows[0].error, float | None)
        assert_type(flash.best_measured(module, [], best).gain, float)
        assert_type(flash.quantised(module, best), torch.nn.Module)
        assert_type(flash.quantised(module, {"conv": "2"}, trainable=False), torch.nn.Module)
