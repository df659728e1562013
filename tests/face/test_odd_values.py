"""Every public function and class with odd values: whatever comes, the error is flash's own.

For each argument of each call a value of a wrong kind, or far beyond any range, is put in the place
of a good one. The call may succeed (a folder "x" can be written to, 5 may be a seed); or else it
must raise an error of flash, or an OSError that names the file where a path was given.
"""

from __future__ import annotations

import inspect
import itertools
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError, FlashError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = tuple[Callable[..., Any], dict[str, Any]]

# Each is made anew for each call: an iterator is used up.
ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "5": lambda: 5,
    "-1": lambda: -1,
    "nan": lambda: float("nan"),
    "10**400": lambda: 10**400,
    "NUL": lambda: "a\0b",
    "surrogate": lambda: "\ud800",
    "bytes": lambda: b"x",
    "object": object,
    "[]": list,
    "[None]": lambda: [None],
    "{1: 2}": lambda: {1: 2},
    "set": lambda: {1},
    "endless": itertools.count,
    "range": lambda: range(10**12),
    "array": lambda: np.zeros((2, 2, 2)),
    "no array": lambda: np.array(1),
    "nans": lambda: np.array([np.nan, 1.0]),
    "path": lambda: Path("x"),
    "text": lambda: "x",
    "function": lambda: lambda *given: 0,
}


def block(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3)) -> Any:
    sizes = {"in_channels": in_channels, "out_channels": out_channels, "stride": stride}
    return [{"kind": "conv", "kernel": kernel, **sizes}]


@cache
def things() -> dict[str, Any]:
    """Objects whose methods are called."""
    small = flash.DenseNet(widths=[8, 16], depths=[1, 2], skips=[0], resolution=8, cells=1)
    other = flash.DenseNet(depths=[5, 6], skips=[0, 8])
    nets = other.sample(12, seed=0)
    accuracies = [0.3 + 0.02 * k for k in range(12)]
    numbers = {"median_ms": 1.0, "q1_ms": 1.0, "q3_ms": 1.0, "min_ms": 1.0, "wall_ms": 1.0}
    return {
        "space": small,
        "other": other,
        "nets": nets,
        "accuracies": accuracies,
        "predictor": flash.AccuracyPredictor.fit(nets, accuracies),
        "curve": flash.AccuracyPredictor(1.0, 5.0, -2.0),
        "net": small.decode(0),
        "network": small.decode(0).network(),
        "result": flash.search(small, "rram"),
        "target": flash.Target.load("rram"),
        "comparison": flash.compare(small, "rram", methods=["random"], seeds=1, max_evals=4),
        "front": flash.pareto(other, "rram"),
        "fleet": flash.search(small, ["rram", "cpu-x86"]),
        "sweep": flash.sweep(small, "rram"),
        "stage": (stage := flash.Stage(block, 8)),
        "blocks": flash.BlockSpace([stage], input=(3, 8, 8)),
        "pnas": flash.PNASCells(filters=8, resolution=8, blocks=2),
        "bypass": flash.BypassSpace(),
        "table": flash.evaluate(small, "rram", [0]),
        "choices": (choices := flash.ChoiceProblem.from_arrays(
            {"loss": [[3, 1], [4, 2]], "ms": [[1, 2], [1, 4]]}
        )),
        "chosen": flash.choose(choices, minimize="loss", where="ms <= 5", k=2),
        "choice front": flash.pareto(choices, minimize=["loss", "ms"]),
        "choice sweep": flash.sweep(choices, minimize="loss", where="ms <= 5"),
        "measurement": flash.Measurement(
            **numbers, name="n", runtime="torch", device="cpu", cpu_ms=1.0, noise_pct=1.0, runs=3,
            passes=1, warmup_runs=1, settled=True, energy_mj=None, energy_source="", conditions={},
        ),
    }  # fmt: skip


def fields_of(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.field_names}


@cache
def calls() -> dict[str, Call]:
    """Return each call with arguments that it accepts."""
    of = things()
    space, other, net, front = of["space"], of["other"], of["net"], of["front"]
    pnas, bypass, target, layers = of["pnas"], of["bypass"], of["target"], of["network"]
    problem: dict[str, Any] = {"space": space, "target": "rram"}
    zeros = (0,) * len(bypass.lengths)
    found: dict[str, Call] = {
        "AccuracyPredictor": (flash.AccuracyPredictor, {"a": 1.0, "b": 5.0, "c": -2.0}),
        "AccuracyPredictor.fit": (
            flash.AccuracyPredictor.fit,
            {"architectures": of["nets"], "accuracies": of["accuracies"]},
        ),
        "AccuracyPredictor.load": (flash.AccuracyPredictor.load, {"path": "x"}),
        "AccuracyPredictor.predict": (of["predictor"].predict, {"architectures": net}),
        "AccuracyPredictor.interval": (of["predictor"].interval, {"architectures": net}),
        "AccuracyPredictor.extrapolates": (of["predictor"].extrapolates, {"architectures": net}),
        "AccuracyPredictor.predict_degree": (of["curve"].predict_degree, {"degree": 1.0}),
        "Architecture": (flash.Architecture, {"family": "resnet", "cells": [flash.Cell(16, 2)]}),
        "Architecture.links_into": (net.links_into, {"cell": 0, "layer": 0}),
        "BypassSpace": (flash.BypassSpace, {}),
        "BypassSpace.decode": (bypass.decode, {"i": 0}),
        "BypassSpace.index": (bypass.index, {"row": zeros}),
        "BypassSpace.name": (bypass.name, {"row": zeros}),
        "BypassSpace.parse": (bypass.parse, {"name": bypass.name(zeros)}),
        "Cell": (flash.Cell, {"width": 8, "depth": 2}),
        "CellNetwork": (
            flash.CellNetwork,
            {"blocks": [(0, 1, "sep3x3", "identity")], "filters": 4, "resolution": 8},
        ),
        "Comparison.curve": (of["comparison"].curve, {"method": "random", "points": [1]}),
        "Comparison.rows": (of["comparison"].rows, {}),
        "DenseNet": (flash.DenseNet, {}),
        "MobileNetV2": (flash.MobileNetV2, {}),
        "BlockNetwork": (flash.BlockNetwork, {"space": of["blocks"], "choices": {}}),
        "BlockSpace": (flash.BlockSpace, {"stages": [of["stage"]], "input": (3, 8, 8)}),
        "BlockSpace.decode": (of["blocks"].decode, {"i": 0}),
        "BlockSpace.encode": (of["blocks"].encode, {"network": of["blocks"].decode(0)}),
        "BlockSpace.choices_of": (of["blocks"].choices_of, {"variable": "block_0"}),
        "Stage": (flash.Stage, {"options": block, "widths": 8}),
        "Option": (flash.Option, {"build": block}),
        "MobileNetV3": (flash.MobileNetV3, {}),
        "MCUNet": (flash.MCUNet, {}),
        "FBNetV2": (flash.FBNetV2, {}),
        "Hurricane": (flash.Hurricane, {}),
        "ViT": (flash.ViT, {}),
        "Decoder": (flash.Decoder, {}),
        "ConvNeXt": (flash.ConvNeXt, {}),
        "MethodOption": (flash.MethodOption, {"default": 3, "low": 1, "high": 9}),
        "ResNet": (flash.ResNet, {}),
        "WideResNet": (flash.WideResNet, {}),
        "register": (flash.register, {"kind": "block", "name": "odd", "object": abs}),
        "FleetResult": (flash.FleetResult, {}),
        "Layer": (flash.Layer, {"kind": "conv", "in_channels": 3, "out_channels": 8}),
        "LayerTarget": (flash.LayerTarget, {"function": lambda layer: 1.0}),
        "Measurement.load": (flash.Measurement.load, {"path": "x"}),
        "Network": (flash.Network, {"layers": layers.layers, "input_shape": layers.input_shape}),
        "Network.from_layers": (
            flash.Network.from_layers,
            {
                "layers": [{"kind": "conv", "out_channels": 8, "kernel": 3, "padding": 1}],
                "input_shape": (3, 8, 8),
            },
        ),
        "PNASCells": (flash.PNASCells, {}),
        "PNASCells.decode": (pnas.decode, {"i": 0}),
        "PNASCells.encode": (pnas.encode, {"network": pnas.decode(0)}),
        "PNASCells.index": (pnas.index, {"row": pnas.row(0)}),
        "PNASCells.name": (pnas.name, {"row": pnas.row(0)}),
        "PNASCells.parse": (pnas.parse, {"name": pnas.name(pnas.row(0))}),
        "ParetoFront.at": (lambda max_latency_ms: front.at(max_latency_ms=max_latency_ms),
                           {"max_latency_ms": 4.0}),
        "ParetoFront.hypervolume": (front.hypervolume, {}),
        "ParetoFront.values": (front.values, {"objective": "latency_ms"}),
        "PredictorEvaluator": (flash.PredictorEvaluator, {}),
        "Range": (flash.Range, {"low": 1, "high": 2}),
        "SearchResult": (flash.SearchResult, fields_of(of["result"])),
        "SearchSpace": (flash.SearchSpace, {"family": "densenet"}),
        "SearchSpace.decode": (space.decode, {"i": 0}),
        "SearchSpace.encode": (space.encode, {"architecture": net}),
        "SearchSpace.index": (space.index, {"row": (0,) * len(space.lengths)}),
        "SearchSpace.load": (flash.SearchSpace.load, {"path": "x.json"}),
        "SearchSpace.save": (space.save, {"path": "s.json"}),
        "SearchSpace.sample": (space.sample, {"n": 1}),
        "SearchSpace.sample_indices": (space.sample_indices, {"n": 1}),
        "SupernetEvaluator": (flash.SupernetEvaluator, {"supernet": "digits", "out": "o"}),
        "TableEvaluator": (flash.TableEvaluator, {"table": {"0": 0.5}}),
        "Target": (flash.Target, fields_of(target)),
        "Target.cost": (target.cost, {"net": net}),
        "Target.costs": (target.costs, {"space": space, "indices": [0]}),
        "Target.design_space": (target.design_space, {}),
        "Target.from_layer_table": (
            flash.Target.from_layer_table,
            {"source": [{"kind": "add", "in_channels": 8, "latency_ms": 1.0}], "name": "t"},
        ),
        "Target.interval": (target.interval, {"net": net}),
        "Target.load": (flash.Target.load, {"name": "x.json"}),
        "TrainingEvaluator": (flash.TrainingEvaluator, {"dataset": "digits", "out": "o"}),
        "build_info": (flash.build_info, {}),
        "calibrate": (
            flash.calibrate,
            {
                "base": "cpu-x86",
                "networks": of["nets"],
                "latency_ms": [1.0 + 0.1 * k for k in range(12)],
            },
        ),
        "ChoiceProblem": (
            flash.ChoiceProblem, {"options": {"a": ["x", "y"]}, "metrics": {"loss": [1, 2]}},
        ),
        "ChoiceProblem.from_arrays": (
            flash.ChoiceProblem.from_arrays, {"metrics": {"loss": [[1, 2], [3, 4]]}},
        ),
        "ChoiceProblem.from_table": (
            flash.ChoiceProblem.from_table,
            {"source": [{"group": "a", "option": "x", "loss": 1}]},
        ),
        "ChoiceProblem.options": (of["choices"].options, {"group": "0"}),
        "ChoiceProblem.values": (of["choices"].values, {"metric": "loss"}),
        "ChoiceResult.sensitivity": (of["chosen"].sensitivity, {}),
        "Together": (flash.Together, {"targets": {"pi": target}}),
        "together": (lambda pi: flash.together(pi=pi), {"pi": target}),
        "search of devices": (
            flash.search,
            {
                "space": space, "target": flash.together(pi=target, cpu="cpu-x86"),
                "where": "macs >= 1", "k": 2, "minimize": "latency_ms@pi", "min_nn_degree": 1.0,
            },
        ),
        "pareto within": (flash.pareto, {**problem, "where": "macs >= 1"}),
        "choose": (flash.choose, {"problem": of["choices"], "minimize": "loss"}),
        "pareto of choices": (
            flash.pareto, {"space": of["choices"], "minimize": ["loss", "ms"]},
        ),
        "sweep of choices": (flash.sweep, {"space": of["choices"], "sample": 3}),
        "calibration_design": (flash.calibration_design, {"space": other, "n": 5}),
        "compare": (
            flash.compare, {**problem, "methods": ["random"], "seeds": 1, "max_evals": 3},
        ),
        "evaluate": (flash.evaluate, {**problem, "choices": [0]}),
        "nn_degree": (flash.nn_degree, {"net": net}),
        "nn_degree of arrays": (
            flash.nn_degree, {"net": [[8]], "depths": [[3]], "links": [[1]]},
        ),
        "nn_mass": (flash.nn_mass, {"net": net}),
        "pareto": (flash.pareto, problem),
        "report": (flash.report, {"folder": "x"}),
        "Table.to_html": (of["table"].to_html, {}),
        "Cost.from_dict": (flash.Cost.from_dict, {"data": target.cost(net).to_dict()}),
        "search": (flash.search, problem),
        "suggest": (flash.suggest, {"space": other, "target": "rram"}),
        "tell": (flash.tell, {"folder": "x", "id": "0001", "accuracy": 0.5}),
        "search by random": (flash.search, {**problem, "method": "random", "max_evals": 3}),
        "sweep": (flash.sweep, {**problem, "sample": 4}),
    }  # fmt: skip
    for name in ("predictor", "net", "network", "result", "target", "comparison", "front",
                 "fleet", "sweep", "measurement", "choices", "chosen", "choice front",
                 "choice sweep"):  # fmt: skip
        thing = of[name]
        kind = type(thing)
        found[f"{kind.__name__}.to_json"] = (thing.to_json, {})
        if hasattr(kind, "from_json"):
            found[f"{kind.__name__}.from_json"] = (kind.from_json, {"source": thing.to_json()})
        if hasattr(kind, "from_dict"):
            found[f"{kind.__name__}.from_dict"] = (kind.from_dict, {"data": thing.to_dict()})
    return found


# What runs a user's function, which is called with what it did not ask for.
CALLED = {"callback", "evaluator", "where", "objective"}


def cases(
    function: Callable[..., Any], good: dict[str, Any], only: tuple[str, ...] = ()
) -> Iterator[tuple[str, Callable[[], Any], Any]]:
    """Yield each call with one odd argument (of `only`, where that is given), and the argument."""
    parameters = inspect.signature(function).parameters.values()
    for one in parameters:
        if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) or (only and one.name not in only):
            continue
        for name in ODD:
            if name == "function" and one.name in CALLED:
                continue
            value = ODD[name]()
            yield f"{one.name}={name}", partial(function, **{**good, one.name: value}), value


def raised(given: Iterator[tuple[str, Callable[[], Any], Any]]) -> list[str]:
    """Return what was raised that is no error of flash."""
    raw = []
    for name, call, value in given:
        try:
            call()
        except FlashError:
            pass
        except OSError as error:
            if error.filename is None or not isinstance(value, (str, Path)):
                raw.append(f"{name}: {error!r}")
        except Exception as error:
            raw.append(f"{name}: {error!r}")
    return raw


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for what a call writes."""
    monkeypatch.chdir(tmp_path)


SLOW = {"calibrate"}
LABELS = [pytest.param(x, marks=pytest.mark.slow if x in SLOW else ()) for x in calls()]


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", LABELS)
def test_odd_values_are_refused_by_flash_itself(label: str) -> None:
    assert not raised(cases(*calls()[label]))


@pytest.mark.torch
@pytest.mark.usefixtures("elsewhere")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "label", ["measure", "export_measuring", "train", "space_for", "train_supernet", "to_torch",
              "to_onnx", "to_torch_code",
              "layer_harness",
              "Network.from_torch", "Supernet.load", "SearchResult.to_torch", "sensitivities",
              "quantised", "best_measured", "Sensitivities.from_json", "Sensitivities.from_dict",
              "MeasuredChoices.from_json", "MeasuredChoices.from_dict", "totals",
              "zero_cost_scores"],
)  # fmt: skip
def test_odd_values_are_refused_by_what_needs_torch(label: str) -> None:
    space, net = things()["space"], things()["net"]
    training: dict[str, Any] = {"space": space, "dataset": "digits", "epochs": 0}  # so: none
    import torch

    module = torch.nn.Linear(2, 2)
    pair = (torch.ones(3, 2), torch.tensor([0, 1, 0]))
    table = flash.sensitivities(module, pair, bits=[2])
    best = flash.best_measured(module, pair, {"Linear": 2})
    found: dict[str, Call] = {
        "sensitivities": (
            flash.sensitivities, {"module": module, "data": pair, "bits": [2], "journal": "j"},
        ),
        "quantised": (flash.quantised, {"module": module, "choices": {"Linear": 2}}),
        "best_measured": (
            flash.best_measured,
            {"module": module, "data": pair, "candidates": {"Linear": 2}, "journal": "j"},
        ),
        "Sensitivities.from_json": (flash.Sensitivities.from_json, {"source": table.to_json()}),
        "Sensitivities.from_dict": (flash.Sensitivities.from_dict, {"data": table.to_dict()}),
        "MeasuredChoices.from_json": (flash.MeasuredChoices.from_json, {"source": best.to_json()}),
        "MeasuredChoices.from_dict": (flash.MeasuredChoices.from_dict, {"data": best.to_dict()}),
        "totals": (table.totals, {"choices": 2}),
        "measure": (flash.measure, {"net": net, "time_limit_s": 0.01, "passes": 1}),
        "export_measuring": (flash.export_measuring, {"nets": net, "folder": "f"}),
        "layer_harness": (
            flash.layer_harness,
            {"space": flash.ResNet(cells=1, depths=[1], skips=[0], width_multipliers=[1]),
             "folder": "f"},
        ),
        "train": (flash.train, training),
        "space_for": (flash.space_for, {"space": "resnet", "dataset": "digits"}),
        "train_supernet": (flash.train_supernet, training),
        "zero_cost_scores": (
            flash.zero_cost_scores,
            {"networks": net, "dataset": "digits", "scores": "zen", "batch_size": 2},
        ),
        "to_torch": (net.to_torch, {}),
        "to_onnx": (net.to_onnx, {"path": "net.onnx"}),
        "to_torch_code": (net.to_torch_code, {"path": "net.py"}),
        "Network.from_torch": (
            flash.Network.from_torch, {"module": net.to_torch(), "input_shape": (3, 8, 8)},
        ),
        "load_weights": (flash.load_weights, {"module": net.to_torch(), "path": "x.npz"}),
        "Supernet.load": (flash.Supernet.load, {"folder": "x", "dataset": "digits"}),
        "SearchResult.to_torch": (things()["result"].to_torch, {}),
    }  # fmt: skip
    function, good = found[label]
    left = ("time_limit_s", "passes", "epochs", "executor")  # they would make it long
    if label in ("sensitivities", "best_measured"):
        left = ("loss",)  # a user's function
    names = tuple(name for name in inspect.signature(function).parameters if name not in left)
    assert not raised(cases(function, good, names))


def test_every_public_name_is_called() -> None:
    tried = {label.partition(".")[0].partition(" ")[0] for label in calls()}
    with_torch = {"measure", "export_measuring", "train", "train_supernet", "Supernet"}
    with_torch |= {"space_for"}
    with_torch |= {
        "layer_harness",
        "load_weights",
        "sensitivities",
        "quantised",
        "best_measured",
        "Sensitivities",
        "MeasuredChoices",
        "zero_cost_scores",
    }
    results = {"Cost", "Table", "Problem", "Plugin", "Task"}  # made by flash alone, not from files
    results |= {"Suggestion"}
    results |= {"Explorer", "explore"}  # which serve a page: tests/exploring/test_page_server.py
    bases = {"Evaluator", "NetworkSpace"}  # which say nothing of their own
    assert {*flash.__all__} - tried - with_torch - results - bases == {
        *("FlashError", "__version__", "plugins", "targets"),  # take nothing
    }


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: flash.AccuracyPredictor.load(5), "predictor must be a path, got 5"),  # type: ignore[arg-type]
        (lambda: flash.SearchResult.from_json(5), "must be a path, got 5"),  # type: ignore[arg-type]
        (lambda: flash.sweep("resnet", "rram", sample=9, out=5), "out must be a path, got 5"),  # type: ignore[call-overload]
        (lambda: flash.sweep("resnet", "rram", sample=9, out="\0"), "is no path"),
        (lambda: flash.PredictorEvaluator("x"), "None or an AccuracyPredictor, got 'x'"),  # type: ignore[arg-type]
        (lambda: flash.evaluate("resnet", "rram", range(10**12)), "choices must be an integer"),
        (lambda: flash.Layer("conv", 3, 8, inputs=itertools.count()), "inputs must hold at most"),  # type: ignore[arg-type]
    ],
)
def test_what_is_said_of_them(call: Callable[[], Any], told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        call()
