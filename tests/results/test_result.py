"""SearchResult: the screen, JSON, and behaving as a frozen dataclass."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

import flash
from flash.errors import ArgumentError, FlashError, FormatError, MissingExtraError
from flash.problem.compiling import facts_of
from flash.results.result import SearchResult
from flash.spaces.index import rows_of
from flash.spaces.space import SearchSpace

BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}
ROW = (1, 0, 0, 7, 40, 9, 33, 2, 5)


def made(**changes: Any) -> SearchResult:
    """A result as the solver hands it over, with some fields changed."""
    fields: dict[str, Any] = {
        "space": SearchSpace("densenet"),
        "target": "rram",
        "budgets": dict(BUDGETS),
        "status": "OPTIMAL",
        "message": "proven optimal",
        "x": ROW,
        "nn_degree": 640.25,
        "latency_ms": 3.9999,
        "energy_mj": 0.04,
        "area_mm2": 35.0,
        "params": 1_234_567,
        "macs": 234_500_000,
        "objective": 640.25,
        "upper_bound": 640.25,
        "proven": True,
        "nfev": 12_345,
        "elapsed_s": 0.00042,
        "cell_degrees": (160.25, 240.0, 240.0),
    }
    return SearchResult(**{**fields, **changes})


def true(**changes: Any) -> SearchResult:
    """Return a result that says of its network what that has: as one in a file must."""
    result = made(**changes)
    if result.x is None:
        nothing = ("nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs")
        return result.replace(**dict.fromkeys((*nothing, "objective")), cell_degrees=())
    space: Any = result.space
    model = flash.Target.load("cpu-x86").model(space.family)
    return result.replace(**facts_of(space.core_plan, model, *rows_of(space, result.x)))


def refused(**changes: Any) -> SearchResult:
    return SearchResult(
        space=SearchSpace("densenet"),
        target="rram",
        budgets={"max_latency_ms": 0.01, "max_area_mm2": 70.0},
        status="INFEASIBLE",
        message="no network meets the budgets",
        proven=True,
        least={"max_latency_ms": 0.5, "max_area_mm2": 12.0},
        **changes,
    )


def test_network_and_index_follow_from_the_row() -> None:
    result = made()
    space = result.space
    assert result.architecture == space.decode(ROW)
    assert result.architecture is result.architecture
    assert result.index is not None
    assert space.decode(result.index) == result.architecture
    assert result.success
    none = refused()
    assert none.architecture is None
    assert none.index is None
    assert not none.success


def test_gap() -> None:
    assert made().gap == 0.0
    assert made(proven=False, upper_bound=800.3125).gap == pytest.approx(0.2)  # 1 - found / bound
    assert made(proven=False, upper_bound=640.25).gap == 0.0
    assert made(proven=False, upper_bound=None).gap is None
    assert made(proven=False, objective=0.0, upper_bound=1.0).gap == 1.0
    assert made(proven=False, objective=-1.0, upper_bound=0.0).gap is None
    assert made(proven=False, objective=0.0, upper_bound=0.0).gap == 0.0
    assert made(proven=False, objective=-3.0, upper_bound=-2.0).gap == 0.5
    assert refused().gap is None


@pytest.mark.parametrize("bound", [math.inf, math.nan])
def test_no_finite_bound_is_no_bound(bound: float) -> None:
    result = true(status="FEASIBLE", proven=False, upper_bound=bound)
    assert result.upper_bound is None
    assert "no upper bound" in str(result)
    assert SearchResult.from_json(result.to_json()) == result


def test_is_a_frozen_dataclass() -> None:
    result = made()
    with pytest.raises(AttributeError):
        result.nn_degree = 1.0  # type: ignore[misc]
    assert dataclasses.is_dataclass(result)
    assert {field.name for field in dataclasses.fields(result)} >= {"nn_degree", "proven", "nfev"}
    assert dataclasses.replace(result, seed=3) == made(seed=3) != result
    assert dataclasses.asdict(result)["params"] == 1_234_567
    assert hash(result) == hash(made())
    assert pickle.loads(pickle.dumps(result)) == result


@pytest.mark.parametrize(
    "result",
    [
        true(),
        refused(),
        true(status="FEASIBLE", proven=False, upper_bound=700.5, stopped="max_evals"),
        true(status="TIME_LIMIT", x=None, proven=False, stopped="time_limit_s"),
        true(accuracy=0.93, objective=0.93, objective_name="accuracy", flags=("a note",)),
        true(space=SearchSpace("densenet", cells=[2, 3], depths=(4, [5, 6], 7), skips=[0, 10**6]),
             x=(0, 1, 0, 0, 1, 1, 1, 0, 0)),
        true(space=SearchSpace("mobilenet-v2"), target="cpu-x86", area_mm2=None, energy_mj=None,
             x=(2, 0, 0) + (1, 1, 2, 0) * 7, cell_degrees=(1.0,) * 7),
    ],
)  # fmt: skip
def test_json_round_trip(result: SearchResult, tmp_path: Path) -> None:
    text = result.to_json()
    assert SearchResult.from_json(text) == result
    assert SearchResult.from_dict(result.to_dict()) == result
    path = tmp_path / "result.json"
    assert result.to_json(path) == text
    assert SearchResult.from_json(path) == SearchResult.from_json(str(path)) == result
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]
    data = json.loads(text)
    assert data["gap"] == result.gap
    assert data["index"] == result.index
    assert str(SearchResult.from_json(text)) == str(result)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        made().to_json(tmp_path / "taken")
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("status", "OPTIMUM", "did you mean 'OPTIMAL'"),
        ("status", None, "status"),
        ("x", [0, 0, 0], "row"),
        ("x", [9, 0, 0, 7, 40, 9, 33, 2, 5], "width_multiplier"),
        ("x", [0, 0, 0, 7, 40, 9, 33, 2, 5], "not the same network"),
        ("x", "0,0", "x must be a list"),
        ("x", None, "not the same network"),
        ("architecture", None, "not the same network"),
        ("space", {"family": "densnet"}, "did you mean 'densenet'"),
        ("space", "densenet", "table"),
        ("budgets", {"max_latency": 1}, "did you mean 'max_latency_ms'"),
        ("budgets", [1], "budgets"),
        ("budgets", {"max_latency_ms": True}, "max_latency_ms"),
        ("latency_ms", "4", "latency_ms"),
        ("params", 1.5, "params"),
        ("params", -1, "params"),
        ("proven", 1, "proven"),
        ("nfev", -1, "nfev"),
        ("elapsed_s", -1.0, "elapsed_s"),
        ("message", 3, "message"),
        ("stopped", "bored", "stopped"),
        ("flags", [1], "must be text"),
        ("cell_degrees", ["a"], "cell_degrees"),
        ("least", 3, "least"),
        ("format", 2, "format"),
        ("surplus", 1, "surplus"),
    ],
)
def test_from_json_refuses(key: str, value: object, text: str) -> None:
    data = made().to_dict()
    data[key] = value
    with pytest.raises(FormatError, match=text):
        SearchResult.from_json(json.dumps(data))


@pytest.mark.parametrize("key", ["space", "target", "status", "budgets", "format", "architecture"])
def test_from_json_misses_a_key(key: str) -> None:
    data = made().to_dict()
    del data[key]
    with pytest.raises(FormatError, match=key):
        SearchResult.from_dict(data)


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"x": NaN}', "[" * 100_000, '{"a": 1, "a": 2}', "{" + '"a":{' * 100_000]
)
def test_from_json_refuses_what_is_no_result(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(FormatError):
        SearchResult.from_json(path)


def test_screen_of_a_proven_network() -> None:
    text = str(made())
    lines = text.splitlines()
    assert lines[0] == "densenet on rram: OPTIMAL"
    assert "NN-Degree 640.25" in text
    assert "proven optimal: of 110,578,630,656 configurations, none within the budgets" in text
    assert "12,345 evaluations, 0.42 ms" in text
    # One screen: it fits a terminal.
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert text.isascii()
    assert text == repr(made())


def test_a_budget_of_which_one_per_cent_buys_nothing_says_so() -> None:
    own = made()
    now = own.objective
    assert now is not None

    def line(one_percent: float) -> str:
        bought = {"unlimited": 700.0, "one_percent": one_percent, "per_unit": 0.0}
        text = str(own.replace(binding={"max_area_mm2": bought}))
        return next(one for one in text.splitlines() if " binds: " in one)

    assert line(now) == ("max_area_mm2 binds: 1 % more would buy nothing, without it NN-Degree 700")
    assert line(650.0) == "max_area_mm2 binds: 1 % more would buy NN-Degree 650, without it 700"


def test_screen_lists_the_cells() -> None:
    result = made()
    lines = str(result).splitlines()
    top = next(number for number, line in enumerate(lines) if line.startswith("cell"))
    assert lines[top].split() == ["cell", "width", "depth", "skips", "NN-Degree", "share"]
    assert result.architecture is not None
    for number, cell in enumerate(result.architecture.cells, 1):
        words = lines[top + number].split()
        assert words[:4] == [str(v) for v in (number, cell.width, cell.depth, cell.skips)]
    assert lines[top + 1].split()[4:] == ["160.25", "25", "%"]


def test_screen_shows_budget_use() -> None:
    text = str(made())
    latency, energy, area = (
        next(line for line in text.splitlines() if line.startswith(name))
        for name in ("latency", "energy", "area")
    )
    # A budget shows as 100 % only where it is used up.
    assert "99.9 %" in latency
    assert "3.9999 ms" in latency
    assert "of 4 ms" in latency
    assert "100.0 %" in energy
    assert "#" * 24 in energy
    assert "50.0 %" in area
    assert "#" * 12 + "." * 12 in area


def test_screen_without_a_model_of_area() -> None:
    text = str(made(area_mm2=None, budgets={"max_latency_ms": 4.0}))
    assert "area" not in text
    assert "energy" in text


def test_screen_of_an_unproven_network() -> None:
    text = str(made(status="FEASIBLE", proven=False, upper_bound=672.2625, stopped="max_evals",
                    flags=("energy_mj outside the calibrated range",)))  # fmt: skip
    assert "not proven" in text
    assert "exceeds NN-Degree 672.263 (gap 4.76 %)" in text
    assert "stopped by max_evals" in text
    assert "note: energy_mj outside the calibrated range" in text


def test_screen_with_a_predictor() -> None:
    text = str(made(accuracy=0.9312, objective=0.9312, objective_name="accuracy",
                    budgets={"min_accuracy": 0.92}))  # fmt: skip
    assert "accuracy 93.12 %" in text
    assert "at least 0.92" in text
    assert "higher accuracy" in text


def test_screen_of_a_refusal() -> None:
    text = str(refused())
    assert "INFEASIBLE" in text
    line = next(line for line in text.splitlines() if line.startswith("max_latency_ms"))
    assert "0.01 ms" in line
    assert "0.5 ms" in line
    assert "cannot be met" in line
    other = next(line for line in text.splitlines() if line.startswith("max_area_mm2"))
    assert "cannot be met" not in other
    assert "none meets the budgets" in text


def test_screen_of_a_space_beyond_64_bits() -> None:
    space = SearchSpace("densenet", cells=10)
    assert space.size > 2**64
    text = str(made(space=space, x=(0,) * 23, cell_degrees=()))
    assert f"e+{len(str(space.size)) - 1} configurations" in text


def test_frame() -> None:
    frame = made().to_frame()
    assert frame.shape[0] == 1
    row = frame.iloc[0]
    assert row["space"] == "densenet"
    assert row["latency_ms"] == 3.9999
    assert row["max_latency_ms"] == 4.0
    assert row["cell1_width"] == 64
    assert refused().to_frame().iloc[0]["status"] == "INFEASIBLE"


def test_plot(tmp_path: Path) -> None:
    from matplotlib import pyplot

    for result in (made(), made(budgets={})):
        figure = result.plot()
        figure.savefig(tmp_path / "plot.png")
        assert (tmp_path / "plot.png").stat().st_size > 5000
        pyplot.close(figure)
    with pytest.raises(ArgumentError, match="INFEASIBLE"):
        refused().plot()


@pytest.mark.parametrize(("method", "package"), [("to_frame", "pandas"), ("plot", "matplotlib")])
def test_a_missing_extra_is_named(
    method: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs {package}: pip .*'{package}>=") as caught:
        getattr(made(), method)()
    assert isinstance(caught.value, FlashError)
    assert isinstance(caught.value, ImportError)


# What flash.search returns


def test_of_a_search() -> None:
    result = flash.search("densenet", "rram", **BUDGETS)
    assert result.status == "OPTIMAL"
    assert result.proven
    assert result.success
    assert result.gap == 0.0
    assert result.upper_bound == result.objective == result.nn_degree
    assert result.accuracy is None
    assert result.architecture is not None
    assert result.params == result.architecture.params
    assert result.macs == result.architecture.macs
    assert result.nn_degree == pytest.approx(flash.nn_degree(result.architecture), rel=1e-12)
    assert sum(result.cell_degrees) == pytest.approx(result.nn_degree)
    assert result.budgets == BUDGETS
    assert result.latency_ms is not None
    assert result.energy_mj is not None
    assert result.area_mm2 is not None
    assert result.latency_ms <= 4.0
    assert result.energy_mj <= 0.04
    assert result.area_mm2 <= 70.0
    cost = flash.Target.load("rram").cost(result.architecture)
    assert cost.latency_ms == result.latency_ms
    assert cost.energy_mj == result.energy_mj
    assert cost.area_mm2 == result.area_mm2
    again = SearchResult.from_json(result.to_json())
    assert again == result
    assert again.architecture == result.architecture


def test_of_a_search_without_an_answer() -> None:
    result = flash.search("densenet", "rram", max_latency_ms=1e-6, max_area_mm2=70.0)
    assert result.status == "INFEASIBLE"
    assert result.proven
    assert not result.success
    assert result.architecture is None
    assert result.least is not None
    least = result.least["max_latency_ms"]
    assert "max_latency_ms" in result.message
    assert SearchResult.from_json(result.to_json()) == result
    # The least value is one: it can be met, and nothing below it.
    assert flash.search("densenet", "rram", max_latency_ms=least, max_area_mm2=70.0).success
    below = math.nextafter(least, 0.0)
    assert not flash.search("densenet", "rram", max_latency_ms=below, max_area_mm2=70.0).success


# conditions, several devices, further networks


@pytest.fixture(scope="module")
def several() -> SearchResult:
    devices = flash.together(pi="raspberry-pi-4", phone="pixel-3")
    return flash.search(
        "resnet", devices, max_latency_ms=90.0, max_params=2e6, k=3, min_distance=2,
        where=["latency_ms@phone <= 30", "depth_0 == depth_1", "params / macs <= 0.01"],
    )  # fmt: skip


def test_the_screen_shows_devices_conditions_and_further_networks(several: SearchResult) -> None:
    text = str(several)
    lines = text.splitlines()
    (pi,) = [line for line in lines if line.startswith("latency on pi")]
    assert "of 90 ms" in pi
    (phone,) = [line for line in lines if line.startswith("latency on phone")]
    assert "of 30 ms" in phone  # its own, which is tighter
    for one in several.where:
        assert f"where {one}" in lines
    assert "3 networks, the best first; what differs:" in lines
    at = lines.index("3 networks, the best first; what differs:")
    assert lines[at + 1].split()[:4] == [
        "network", "nn_degree", "latency_ms@pi", "latency_ms@phone"
    ]  # fmt: skip
    differing = lines[at + 1].split()[4:]
    assert differing
    rows = [several, *several.alternatives]
    for name in several.space.variables:
        k = several.space.variables.index(name)
        nets = {flash.SearchSpace.decode(several.space, one.x).cells for one in rows}
        assert len(nets) == 3
        if len({one.x[k] for one in rows}) == 1:
            assert name not in differing
    assert "none within the conditions has a higher NN-Degree" in text
    html = several._repr_html_()
    assert "latency on phone" in html
    assert "what differs" in html
    frame = several.to_frame()
    assert len(frame) == 3
    assert frame["latency_ms@pi"].tolist() == [one.costs["latency_ms@pi"] for one in rows]
    assert set(frame["where"]) == {" and ".join(f"({one})" for one in several.where)}
    labels = several.plot().axes[1].get_yticklabels()
    assert "latency on pi" in [one.get_text() for one in labels]


def test_further_networks_go_to_json_and_back(several: SearchResult, tmp_path: Path) -> None:
    several.to_json(tmp_path / "r.json")
    assert SearchResult.from_json(tmp_path / "r.json") == several
    old = several.to_dict()
    for name in ("where", "costs", "alternatives"):  # as an older flash wrote them
        del old[name]
    read = SearchResult.from_dict(old)
    assert (read.where, read.costs, read.alternatives) == ((), None, ())
    assert read.x == several.x


WRONG: list[tuple[Any, str]] = [
    (lambda d: d["costs"].update({"latency_ms@pi": 95.0}), "latency_ms@pi 95.0 breaks max_latency"),
    (lambda d: d["costs"].update({"latency_ms@phone": 31.0}), "breaks the condition 'latency_ms@p"),
    (lambda d: d["costs"].update({"latency@pi": 1.0}), "which is no cost"),
    (lambda d: d["costs"].update({"latency_ms": 1.0}), "which is no cost"),
    (lambda d: d.update(where=["depth_0 != depth_1"]), "breaks the condition 'depth_0 != depth_1'"),
    (lambda d: d.update(where=["depth_0 in (77, 78)"]), "breaks the condition"),
    (lambda d: d.update(where=["not (macs >= 1)"]), "breaks the condition"),
    (lambda d: d.update(where=3), "where must be"),
    (lambda d: d.update(where=[3]), "where"),
    (lambda d: d["alternatives"].append(d["alternatives"][0]), "is a network that comes before"),
    (lambda d: d["alternatives"][0].update(objective=1e6), "is better than"),
    (lambda d: d["alternatives"][0].update(budgets={}), "budgets is not that of the first"),
    (lambda d: d["alternatives"][0].update(where=[]), "where is not that of the first"),
    (lambda d: d["alternatives"][0].update(costs=None), "costs are not those"),
    (lambda d: d["alternatives"][0].update(alternatives=[d["alternatives"][1]]), "one network"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_what_contradicts_itself_is_refused(
    several: SearchResult, change: Any, message: str
) -> None:
    data = json.loads(several.to_json())
    change(data)
    with pytest.raises(FormatError, match=message):
        SearchResult.from_dict(data)


def test_nothing_has_no_costs(several: SearchResult) -> None:
    nothing = flash.search("resnet", "rram", where="macs <= 1").to_dict()
    for name in ("costs", "alternatives"):
        with pytest.raises(FormatError, match=f"{name} are given, though x is null"):
            SearchResult.from_dict({**nothing, name: several.to_dict()[name]})


def test_an_interval_that_tells_nothing_is_said_to_be_unknown() -> None:
    """mobilenet-v2 on rram: latency is within a factor of ninety, energy within one of ten."""
    result = flash.search("mobilenet-v2", "rram")
    assert result.intervals is not None
    wide, narrow = result.intervals["latency_ms"], result.intervals["energy_mj"]
    assert wide[1] > 30 * wide[0]
    assert narrow[1] < 30 * narrow[0]
    lines = {
        one.split()[0]: one for one in str(result).splitlines() if " mJ" in one or " ms" in one
    }
    assert "(unknown: unlike what was measured)" in lines["latency"]
    assert "(0.9767 to 9.254, 90 %)" in lines["energy"]
    page = result.to_html()
    assert page.count("unknown: unlike what was measured") == 1
