"""Fronts of co-design as they are used: their text, files, limits and the command line."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

import flash
from flash import ParetoFront
from flash.cli.main import main
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.hardware import Target


def test_at_the_knee_and_the_hypervolume(front: ParetoFront) -> None:
    limit = float(np.median(front.latency_ms))
    at = front.at(max_latency_ms=limit)
    search = flash.search(front.space, "fpga-zu3eg", codesign=True, max_latency_ms=limit)
    for name in ("objective", "latency_ms", "budgets", "upper_bound"):
        assert getattr(at, name) == getattr(search, name)
    assert at.accelerator is not None
    assert front.knee.accelerator == front.accelerators[front.knee_index]  # type: ignore[index]
    assert front.hypervolume() > flash.pareto(front.space, "fpga-zu3eg").hypervolume(
        [0.0, float(front.latency_ms.max())]
    )
    nothing = front.at(max_latency_ms=1e-6)
    assert nothing.status == "INFEASIBLE"
    assert nothing.least == {"max_latency_ms": front.latency_ms.min()}


def test_text_and_table(front: ParetoFront, mobile: ParetoFront) -> None:
    text = str(mobile)
    for part in ("quantised_nn_degree", "accelerator", "depthwise", "weights_kib", "knee", "bits"):
        assert part in text
    frame = mobile.to_frame()
    assert list(frame["pointwise_into"]) == [
        one["values"]["pointwise"]["into"]
        for one in mobile.accelerators  # type: ignore[union-attr]
    ]
    assert frame["cell0_bits"].tolist() == mobile.cell_bits[:, 0].tolist()  # type: ignore[index]
    assert "conv_into" in front.to_frame()
    figure = front.plot()
    assert "and its accelerators" in figure.axes[0].get_title()
    assert figure.axes[0].get_ylabel() == "quantised NN-Degree"


def test_pictures_say_which_accelerator_a_point_has(
    front: ParetoFront, mobile: ParetoFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("plotly")
    for one in (front, mobile):
        assert one.chosen is not None
        traces = one.plot("plotly").data
        marks = [trace for trace in traces if (trace.name or "").startswith("accelerator ")]
        letters = {}
        for trace in marks:
            letter = trace.name.split()[1]
            for i, text in zip(trace.customdata, trace.hovertext, strict=True):
                assert f"<br>accelerator {letter}<br>" in text
                letters[i] = letter
                for part, values in one.accelerators[i]["values"].items():  # type: ignore[index]
                    assert f"{part}: into {values['into']}" in text
        assert sorted(letters) == list(range(len(one)))
        of = {letter: {tuple(one.chosen[i]) for i in letters if letters[i] == letter}
              for letter in letters.values()}  # fmt: skip
        assert all(len(chosen) == 1 for chosen in of.values())
        assert len({*(tuple(row) for row in one.chosen)}) == len(of) == len(marks)
        assert len({(trace.marker.symbol, trace.marker.color) for trace in marks}) == len(marks)
        shown = one.plot().axes[0].get_legend()
        assert [text.get_text() for text in shown.get_texts()] == [
            *(trace.name for trace in marks), "knee"
        ]  # fmt: skip
        # the screen calls them the same
        rows = [line.split() for line in str(one).splitlines()]
        called = {
            int(row[0]): row for row in rows if row and row[0].isdigit() and row[1] != "points,"
        }
        assert all(letters[i] in row for i, row in called.items())
    monkeypatch.setattr("flash.fronts.plot.MARKED", 1)
    names = [trace.name for trace in mobile.plot("plotly").data[1:]]
    most = max(set(letters.values()), key=list(letters.values()).count)
    assert names == [f"accelerator {most}", f"{len(of) - 1} other accelerators", "knee"]


def test_json(front: ParetoFront, tmp_path: Any) -> None:
    path = tmp_path / "front.json"
    front.to_json(path)
    again = ParetoFront.from_json(path)
    assert again == front
    assert again[3] == front[3]
    data = front.to_dict()
    design = front.target.design_space("resnet")
    for one in data["accelerators"]:
        assert one["values"] == design.describe(one["chosen"])
    del data["chosen"], data["cell_bits"]
    with pytest.raises(FormatError, match="quantised_nn_degree"):
        ParetoFront.from_dict(data)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("chosen", None, "chosen must be a list of"),
        ("chosen", [10**6], "chosen must be an integer from 0 to|chosen must be"),
        ("chosen", [0, 0], "chosen must hold lists of 1 numbers"),
        ("cell_bits", [5, 5, 5], "cell_bits must hold 8, 6, 4, 3, 2, got 5"),
    ],
)
def test_json_that_is_wrong(front: ParetoFront, key: str, value: Any, text: str) -> None:
    data = copy.deepcopy(front.to_dict())
    data[key] = None if value is None else [value] * len(front)
    with pytest.raises(FormatError, match=text):
        ParetoFront.from_dict(data)


def test_an_accelerator_that_does_not_fit_is_refused(front: ParetoFront) -> None:
    design = front.target.design_space("resnet")
    beyond = next(k for k in range(design.size) if design.shortage((k,)) is not None)
    data = front.to_dict()
    data["chosen"] = [[beyond]] * len(front)
    with pytest.raises(FormatError, match="does not fit the device"):
        ParetoFront.from_dict(data)


def test_nothing_fits() -> None:
    found = flash.pareto("resnet", "fpga-zu3eg", codesign=True, max_latency_ms=1e-3)
    search = flash.search("resnet", "fpga-zu3eg", codesign=True, max_latency_ms=1e-3)
    assert (found.status, found.message, found.least) == (
        "INFEASIBLE",
        search.message,
        search.least,
    )
    data = json.loads(Target.load("fpga-zu3eg").to_json())
    data["parameters"]["resources"]["bram"] = 10
    unit = data["parameters"]["units"]["conv"]
    unit.update(weights_kib=1, maps_kib=1, into=4, out=4)
    data["parameters"]["units"] = {"conv": unit}
    short = flash.pareto("resnet", Target.from_dict(data), codesign=True)
    assert short.status == "INFEASIBLE"
    assert short.message == (
        "proven: no accelerator fits the device: bram: 16 needed, 8 usable, 8 short"
    )
    assert ParetoFront.from_json(short.to_json()) == short
    assert "no accelerator fits" in str(short)


def test_limits_stop_it() -> None:
    stopped = flash.pareto("densenet", "rram", codesign=True, time_limit_s=1e-9)
    assert (stopped.status, stopped.stopped, len(stopped)) == ("TIME_LIMIT", "time_limit_s", 0)
    events: list[Any] = []

    def listen(event: Any) -> bool:
        events.append(event)
        return bool(event.points > 0 and event.done > 0.1)

    found = flash.pareto("densenet", "rram", codesign=True, callback=listen)
    assert found.stopped == "callback"
    assert found.status == "FEASIBLE"
    assert len(found) > 0
    assert [e.done for e in events] == sorted(e.done for e in events)
    loss = np.stack([-found.values("accuracy"), found.latency_ms], 1)
    for row in loss[:: max(1, len(loss) // 50)]:
        assert not ((loss <= row).all(1) & (loss < row).any(1)).any()

    def interrupt(event: Any) -> bool:
        if event.done > 0.05:
            raise KeyboardInterrupt
        return False

    found = flash.pareto("densenet", "rram", codesign=True, callback=interrupt)
    assert found.stopped == "interrupt"
    assert len(found)
    point = found[0]
    assert not point.proven
    assert point.accelerator is not None

    def fail(_: Any) -> bool:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        flash.pareto("densenet", "rram", codesign=True, callback=fail)


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"target": "cpu-x86"}, "target 'cpu-x86' has no design space"),
        ({"codesign": "yes"}, "codesign must be True or False, got 'yes'"),
        ({"objectives": ("accuracy", "area_mm2")}, "does not model area_mm2"),
        ({"epsilon": 2.0}, "epsilon"),
        ({"min_accuracy": 0.5}, "min_accuracy needs a predictor"),
    ],
)
def test_refusals(kwargs: dict[str, Any], text: str) -> None:
    given = {"target": "fpga-zu3eg", "codesign": True, **kwargs}
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        flash.pareto("resnet", **given)


def test_the_command_line(tmp_path: Any, capsys: Any) -> None:
    path = tmp_path / "front.json"
    words = ["pareto", "resnet", "fpga-zu3eg", "--codesign", "--max-latency-ms", "3"]
    assert main([*words, "--json", str(path)]) == 0
    text = capsys.readouterr().out
    assert "accelerator" in text
    assert "proven: nothing on any accelerator dominates any of them" in text
    front = ParetoFront.from_json(path)
    assert front == flash.pareto("resnet", "fpga-zu3eg", codesign=True, max_latency_ms=3)
    assert main([*words[:-1], "0.0001"]) == 1
    assert main(["pareto", "resnet", "cpu-x86", "--codesign"]) == 2
