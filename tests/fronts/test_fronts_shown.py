"""What a front offers: points, knee, hypervolume, JSON, frames, pictures, the command line."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import flash
from flash import ParetoFront, Range
from flash.cli.main import main
from flash.errors import ArgumentError, ArgumentTypeError, FormatError

COSTS = ("latency_ms", "energy_mj", "area_mm2", "params", "macs")
SMALL = flash.DenseNet(depths=Range(3, 9), skips=Range(0, 8, unit="width/8"), cells=2)


@pytest.fixture(scope="module")
def front() -> ParetoFront:
    return flash.pareto(SMALL, "rram")


@pytest.fixture(scope="module")
def front3() -> ParetoFront:
    return flash.pareto(SMALL, "rram", ("accuracy", "latency_ms", "energy_mj"))


def test_points_are_results(front: ParetoFront) -> None:
    assert len(front) == len(front.x) == len(front.latency_ms) == len(front.architectures)
    assert front[0].nn_degree == front.nn_degree.max()
    assert front[-1].latency_ms == front.latency_ms.min()
    assert [r.x for r in front] == [tuple(row) for row in front.x.tolist()]
    assert [r.x for r in front[2:5]] == [front[k].x for k in (2, 3, 4)]
    for i in (0, len(front) // 2, -1):
        point = front[i]
        assert point.proven
        assert point.architecture == front.architectures[i]
        search = flash.search(SMALL, "rram", **point.budgets)
        assert (point.x, point.objective) == (search.x, search.objective)
    with pytest.raises(IndexError):
        front[len(front)]
    with pytest.raises(AttributeError, match="accuracy"):
        front.accuracy  # noqa: B018
    assert front.exact
    assert "knee" in str(front)


def test_arrays_are_frozen(front: ParetoFront) -> None:
    with pytest.raises(ValueError, match="read-only"):
        front.latency_ms[0] = 0.0
    with pytest.raises(AttributeError, match="frozen"):
        front.epsilon = 1.0  # type: ignore[misc]


def test_round_trip(front3: ParetoFront, tmp_path: Any) -> None:
    path = tmp_path / "front.json"
    text = front3.to_json(path)
    assert json.loads(path.read_text()) == json.loads(text)
    for source in (text, path):
        again = ParetoFront.from_json(source)
        assert again == front3
        assert again.knee == front3.knee
    empty = flash.pareto(SMALL, "rram", max_latency_ms=1e-9)
    assert ParetoFront.from_json(empty.to_json()) == empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"x": [[0]]}, "choice indices"),
        ({"x": 3}, "x"),
        ({"objectives": ["accuracy"]}, "objectives"),
        ({"metrics": {}}, "metrics"),
        ({"epsilon": -1}, "epsilon"),
        ({"stopped": "tired"}, "stopped"),
        ({"target": {}}, "target"),
    ],
)
def test_damaged_json(front: ParetoFront, change: dict[str, Any], message: str) -> None:
    data = {**front.to_dict(), **change}
    with pytest.raises(FormatError, match=message):
        ParetoFront.from_dict(data)
    del data["x"]
    with pytest.raises(FormatError):
        ParetoFront.from_dict(data)


@pytest.mark.parametrize("wrong", [True, 1.0, "1", -1, 10**30, None])
def test_rows_and_columns_of_plain_numbers_alone(front: ParetoFront, wrong: Any) -> None:
    """Read all at once: a single odd one is found all the same."""
    for name in ("x", "params", "latency_ms"):
        data = front.to_dict()
        if name == "x":
            data["x"][3][1] = wrong
        else:
            data["metrics"][name][3] = wrong
        if name == "latency_ms" and type(wrong) in (int, float):  # a number like any other
            assert ParetoFront.from_dict(data).latency_ms[3] == wrong
            continue
        with pytest.raises(FormatError, match=name if name != "x" else "row|choice|must be"):
            ParetoFront.from_dict(data)


def test_frame(front3: ParetoFront) -> None:
    frame = front3.to_frame()
    assert len(frame) == len(front3)
    assert np.array_equal(frame["energy_mj"], front3.energy_mj)
    assert [SMALL.decode(i) for i in frame["index"][:3]] == list(front3.architectures[:3])
    assert frame["cell1_depth"][0] == front3.architectures[0].cells[1].depth


def test_the_knee_is_farthest_from_the_chord() -> None:
    """Golden: in logarithms scaled to the ends, 1 - x - y is largest at the third point."""
    from flash.fronts.maths import knee

    latency = np.array([1.0, 2.0, 4.0, 16.0, 100.0])
    accuracy = np.array([1.0, 4.0, 8.0, 9.0, 10.0])
    x = np.log(latency) / math.log(100)
    y = 1 - np.log(accuracy) / math.log(10)
    assert knee([accuracy, latency], ("accuracy", "latency_ms")) == int(np.argmax(1 - x - y)) == 2
    # units do not matter, nor does an objective that says the same again
    assert knee([accuracy, latency * 1e6], ("accuracy", "macs")) == 2
    names = ("accuracy", "latency_ms", "energy_mj")
    assert knee([accuracy, latency, latency * 3.0], names) == 2
    assert knee([np.array([5.0]), np.array([2.0])], ("accuracy", "params")) == 0


def test_hypervolume_of_boxes() -> None:
    """Golden: unions of boxes counted by hand, and by counting cells of a grid."""
    from flash.fronts.maths import hypervolume

    names = ("latency_ms", "energy_mj", "area_mm2", "params")
    one = [np.array([1.0, 2.0]), np.array([2.0, 1.0])]
    assert hypervolume(one, names[:2], (3.0, 3.0)) == 3.0
    assert hypervolume(one, names[:2], {"latency_ms": 3.0, "energy_mj": 3.0}) == 3.0
    assert hypervolume(one, names[:2], (1.0, 3.0)) == 0.0
    random = np.random.default_rng(3)
    for n in (2, 3, 4):
        for _ in range(10):
            points = random.integers(0, 6, size=(12, n))
            grid = np.stack(np.meshgrid(*[np.arange(6)] * n, indexing="ij"), -1).reshape(-1, n)
            counted = (grid[:, None] >= points).all(2).any(1).sum()
            values = [points[:, k].astype(float) for k in range(n)]
            assert hypervolume(values, names[:n], [6.0] * n) == counted
    accuracy = hypervolume([np.array([0.5]), np.array([2.0])], ("accuracy", "params"), (0.25, 4.0))
    assert accuracy == 0.5


def test_hypervolume_of_a_front(front3: ParetoFront) -> None:
    whole = front3.hypervolume()
    worst = {
        "accuracy": front3.nn_degree.min().item(),
        "latency_ms": front3.latency_ms.max().item(),
        "energy_mj": front3.energy_mj.max().item(),
    }
    assert front3.hypervolume(worst) == pytest.approx(whole)
    some = flash.pareto(SMALL, "rram", front3.objectives, epsilon=0.2)
    assert 0.5 * whole < some.hypervolume(worst) < whole
    for bad in ({"accuracy": 1.0}, (1.0,), 3, {"accuracy": 1, "latency_ms": 1, "energy": 1}):
        with pytest.raises((ArgumentError, ArgumentTypeError, FormatError), match="reference"):
            front3.hypervolume(bad)  # type: ignore[arg-type]


def test_plots(front: ParetoFront, front3: ParetoFront) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    four = flash.pareto(SMALL, "rram", ("accuracy", "latency_ms", "energy_mj", "area_mm2"))
    for one in (front, front3, four):
        figure = one.plot()
        figure.canvas.draw()
        assert "front" in figure.axes[0].get_title()
        assert len(figure.axes) == (1 if len(one.objectives) == 2 else 2)
    with pytest.raises(ArgumentError, match="engine"):
        front.plot(engine="bokeh")


def test_plotly(front: ParetoFront, front3: ParetoFront) -> None:
    pytest.importorskip("plotly")
    for one in (front, front3):
        figure = one.plot(engine="plotly")
        *lines, points, knee = figure.data
        assert len(lines) == (one is front)
        assert len(points.x) == len(one)
        assert knee.y[0] == one.knee.nn_degree
        for k in (0, len(one) // 2):  # a click gives back the point's number
            i = points.customdata[k]
            assert points.hovertext[k].startswith(f"point {i}<br>")
            assert (points.x[k], points.y[k]) == (one.latency_ms[i], one.nn_degree[i])
        assert "cell 0: width" in points.hovertext[0]
        assert figure.layout.yaxis.title.text == "NN-Degree"
        assert figure.layout.xaxis.title.text == "latency [ms]"


def test_command_line(capsys: Any, tmp_path: Any) -> None:
    arguments = ["pareto", "densenet", "rram", "--cells", "2", "--depths", "3:9"]
    assert main([*arguments, "--objectives", "accuracy,energy_mj"]) == 0
    assert "knee" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["objectives"] == ["accuracy", "latency_ms"]
    path, picture = tmp_path / "front.json", tmp_path / "front.svg"
    assert main([*arguments, "--json", str(path), "--plot", str(picture)]) == 0
    assert len(ParetoFront.from_json(path)) == len(data["x"])
    assert "<svg" in picture.read_text()
    assert main([*arguments, "--max-latency-ms", "1e-6"]) == 1
    capsys.readouterr()
    for bad, message in (
        (["--plot", "x.bmp"], "--plot must end in"),
        (["--json="], "--json must be the path"),
        (["--objectives", "accuracy,latency"], "did you mean 'latency_ms'"),
        (["--epsilon", "7"], "epsilon"),
    ):
        assert main([*arguments, *bad]) == 2
        assert message in capsys.readouterr().err


def test_intervals_of_points_where_they_are_asked_for(front: ParetoFront) -> None:
    pytest.importorskip("pandas")
    assert "latency_ms_low" not in front.to_frame()
    table = front.to_frame(intervals=True)
    assert "intervals" not in front.to_dict()
    ends = json.loads(front.to_json(intervals=True))["intervals"]
    for i in (0, len(front) - 1):
        own = front[i].intervals
        assert own is not None
        assert set(own) == set(ends) == {"latency_ms", "energy_mj", "area_mm2"}
        for name, (low, high) in own.items():
            assert (table[f"{name}_low"][i], table[f"{name}_high"][i]) == (low, high)
            assert ends[name][i] == [low, high]
    assert ParetoFront.from_json(front.to_json(intervals=True)) == front
    with pytest.raises(ArgumentTypeError, match="intervals"):
        front.to_frame(intervals=1)  # type: ignore[arg-type]


def test_points_say_what_their_predictor_is_worth() -> None:
    front = flash.pareto(SMALL, "rram", predictor="default")
    point = front[0]
    assert point.intervals is not None
    low, high = point.intervals["accuracy"]
    assert point.accuracy is not None
    assert low <= point.accuracy <= high
    assert any("accuracy is predicted" in flag for flag in point.flags)
    assert front.at(max_latency_ms=float(front.latency_ms.max())).scored_by == point.scored_by
    read = ParetoFront.from_json(front.to_json())  # a file holds no predictor
    assert "accuracy" not in (read[0].intervals or {})


def test_command_line_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pareto", "densenet", "rram", "--depths", "3:5", "--skips", "0", "--cells", "2"]
    assert main([*words, "--json", "--intervals"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["intervals"]["latency_ms"]) == len(told["x"])
    assert main([*words, "--intervals"]) == 2
    assert "--intervals is for --json" in capsys.readouterr().err
