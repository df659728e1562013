"""Searches over many targets: each answer is the one that its target gets alone."""

from __future__ import annotations

import json
import threading
from random import Random
from typing import Any

import pytest

import flash
from flash import FleetResult, Target
from flash.cli.main import main
from flash.errors import ArgumentError, ArgumentTypeError, FormatError

FIELDS = ("x", "objective", "upper_bound", "proven", "status", "budgets", "latency_ms", "energy_mj",
          "area_mm2", "params", "macs", "nn_degree", "accuracy", "target", "nfev", "flags",
          "message", "least", "cell_degrees")  # fmt: skip


def variants(n: int, name: str = "rram", seed: int = 0) -> list[Target]:
    """Devices whose coefficients and leakage differ by up to 30 %."""
    random = Random(seed)
    out = []
    for i in range(n):
        data = Target.load(name).to_dict()
        data["name"] = f"{name}-{i}"
        data["coefficients"] = {
            one: {
                column: {key: value * random.uniform(0.7, 1.3) for key, value in table.items()}
                for column, table in columns.items()
            }
            for one, columns in data["coefficients"].items()
        }
        if name == "rram" and i % 3 == 0:
            for links in data["links"].values():
                links["leakage_w_per_tile"] *= random.uniform(0.7, 1.3)
                links["cycles_per_tile"] *= random.uniform(0.7, 1.3)
        out.append(Target.from_dict(data))
    return out


def same(one: Any, other: Any) -> bool:
    return [getattr(one, f) for f in FIELDS] == [getattr(other, f) for f in FIELDS]


@pytest.fixture(scope="module")
def fleet() -> tuple[list[Target], dict[str, list[float | None]]]:
    random = Random(1)
    targets = variants(70)
    budgets = {
        "max_latency_ms": [random.uniform(0.5, 6.0) for _ in targets],
        "max_energy_mj": [random.choice([None, random.uniform(0.002, 0.08)]) for _ in targets],
    }
    return targets, budgets


def test_each_answer_is_the_one_alone(fleet: Any) -> None:
    targets, budgets = fleet
    alone = [
        flash.search(
            "densenet", target, max_latency_ms=latency, max_energy_mj=energy, max_area_mm2=90
        )
        for target, latency, energy in zip(targets, *budgets.values(), strict=True)
    ]
    assert {r.status for r in alone} == {"OPTIMAL", "INFEASIBLE"}
    for threads in (None, 1, 2, 8):
        together = flash.search("densenet", targets, max_area_mm2=90, threads=threads, **budgets)
        assert isinstance(together, FleetResult)
        assert len(together) == len(targets)
        for one, other in zip(alone, together, strict=True):
            assert same(one, other)


def test_the_same_from_threads_that_share_targets() -> None:
    """The same objects again and again, compiled in several threads at once."""
    targets = variants(4) * 40
    results = flash.search("resnet", targets, max_latency_ms=2.0, threads=8)
    for i, result in enumerate(results):
        assert same(result, results[i % 4])


def test_several_calls_at_once(fleet: Any) -> None:
    targets, budgets = fleet
    expected = flash.search("densenet", targets, **budgets)
    found: dict[int, Any] = {}

    def run(i: int) -> None:
        found[i] = flash.search("densenet", targets, threads=2, **budgets)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(3):
        assert all(same(a, b) for a, b in zip(found[i], expected, strict=True))


def test_other_objectives_and_kinds() -> None:
    mixed = [*variants(3), *variants(3, "cpu-x86"), "systolic-32"]
    results = flash.search("mobilenet-v2", mixed, max_latency_ms=[1, 2, 3, 4, 5, 6, None])
    assert all(r.proven for r in results)
    assert [r.energy_mj is None for r in results] == [False] * 3 + [True] * 4
    product = flash.search(
        "resnet",
        variants(3),
        objective={"accuracy": 1, "latency_ms": -1},
        max_params=[1e6, None, 2e6],
    )
    for one, target, limit in zip(product, variants(3), (1e6, None, 2e6), strict=True):
        alone = flash.search(
            "resnet", target, objective={"accuracy": 1, "latency_ms": -1}, max_params=limit
        )
        assert same(one, alone)

    def score(columns: Any) -> Any:
        return columns["nn_degree"] - columns["latency_ms"]

    by_function = flash.search("resnet", variants(2), objective=score, max_evals=2000)
    assert all(r.objective_name == "score" for r in by_function)


def test_a_callback_is_called_from_this_thread() -> None:
    seen = []
    flash.search(
        flash.DenseNet(cells=5),
        variants(2),
        max_latency_ms=4.0,
        max_energy_mj=0.05,
        callback=lambda event: seen.append(threading.get_ident()),
        threads=4,
    )
    assert set(seen) <= {threading.get_ident()}


def test_interrupt() -> None:
    """Ctrl-C ends the search at hand; what was not looked at says so."""

    def stop(event: Any) -> None:
        raise KeyboardInterrupt

    space = flash.DenseNet(cells=4, widths=[8, 16, 24, 32, 40, 48])
    results = flash.search(
        space, variants(5), max_latency_ms=3.0, max_energy_mj=0.04, max_area_mm2=60.0, callback=stop
    )
    assert len(results) == 5
    assert [r.stopped for r in results].count("interrupt") >= 4
    assert results[-1].x is None
    assert results[-1].status == "NOT_FOUND"
    assert results[-1].target == "rram-4"


def test_tables_and_json(fleet: Any, tmp_path: Any) -> None:
    targets, budgets = fleet
    limits = [max(2.0, limit) for limit in budgets["max_latency_ms"][:30]]
    results = flash.search("densenet", targets[:30], max_latency_ms=limits)
    frame = results.to_frame()
    assert list(frame["target"]) == [t.name for t in targets[:30]]
    assert list(frame["latency_ms"]) == [r.latency_ms for r in results]
    assert frame["max_latency_ms"][3] == limits[3]
    path = tmp_path / "all.json"
    text = results.to_json(path)
    for source in (text, path):
        assert list(FleetResult.from_json(source)) == list(results)
    with pytest.raises(FormatError, match="array"):
        FleetResult.from_json(_write(tmp_path / "x.json", "{}"))
    screen = str(results)
    assert "30 devices" in screen
    assert "10 more" in screen
    assert "30 search results" in repr(results)


def _write(path: Any, text: str) -> Any:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": []}, "at least one target"),
        ({"target": [["rram"]]}, "one or a list"),
        ({"max_latency_ms": [1.0]}, r"one per target \(3\), got 1"),
        ({"max_latency_ms": [1.0, -1.0, 2.0]}, r"1 of 3 .*\n  target\[1\]: max_latency_ms"),
        ({"max_latency_ms": [1.0, "a", 2.0]}, r"target\[1\]: max_latency_ms"),
        (
            {"target": ["rram", "cpu-x86", "rram"], "max_energy_mj": 1.0},
            r"target\[1\]: max_energy_mj",
        ),
        ({"target": ["rram", "rramm", "nothing"]}, r"2 of 3 [\s\S]*target\[1\][\s\S]*target\[2\]"),
        ({"target": ["rram", 3, "rram"]}, r"target\[1\]: target must be a name"),
        ({"min_accuracy": [0.5, None, 0.6]}, "needs a predictor"),
        ({"threads": 0}, "threads"),
        ({"threads": 1.5}, "threads"),
        ({"target": "rram", "threads": -1}, "threads"),
        ({"method": "magic"}, "method"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    given = {"target": ["rram", "rram", "rram"], **arguments}
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.search("densenet", given.pop("target"), **given)


def test_an_error_is_raised_before_any_search(monkeypatch: Any) -> None:
    import flash.solving.options as options

    def never(*_: Any) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(options.Options, "search", never)
    with pytest.raises(ArgumentError, match="target\\[2\\]"):
        flash.search("densenet", ["rram", "rram", "nope"])


@pytest.fixture
def folder(tmp_path: Any) -> Any:
    place = tmp_path / "fleet"
    place.mkdir()
    for i, target in enumerate(variants(5)):
        target.to_json(place / f"device{i}.json")
    (place / "notes.txt").write_text("no target")
    return place


def test_command_line(folder: Any, capsys: Any, tmp_path: Any) -> None:
    arguments = ["search", "densenet", "--targets", str(folder), "--max-latency-ms", "3"]
    assert main([*arguments, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["target"] for line in lines] == [f"rram-{i}" for i in range(5)]
    expected = flash.search("densenet", variants(5), max_latency_ms=3)
    assert [line["x"] for line in lines] == [list(r.x) for r in expected]
    path = tmp_path / "out.jsonl"
    assert main([*arguments, "--json", str(path), "--threads", "2"]) == 0
    assert "5 devices, 5 proven" in capsys.readouterr().out
    assert len(path.read_text().splitlines()) == 5
    budgets = _write(tmp_path / "b.json", json.dumps({"device1": {"max_latency_ms": 1e-6}}))
    assert main([*arguments, "--budgets", str(budgets), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["OPTIMAL", "INFEASIBLE", *["OPTIMAL"] * 3]


def test_conditions_hold_for_each_device(folder: Any, capsys: Any, tmp_path: Any) -> None:
    targets = variants(3)
    asked: Any = {"where": ["depth_0 == depth_1"], "k": 2, "min_distance": 2}
    limits = [3.0, None, 2.0]
    fleet = flash.search("resnet", targets, max_latency_ms=limits, **asked)
    assert isinstance(fleet, flash.FleetResult)
    for one, target, limit in zip(fleet, targets, limits, strict=True):
        alone = flash.search("resnet", target, max_latency_ms=limit, **asked)
        assert (one.x, one.objective, one.budgets) == (alone.x, alone.objective, alone.budgets)
        assert [x.x for x in one.alternatives] == [x.x for x in alone.alternatives]
    assert "networks" in str(fleet)
    assert len(fleet.to_frame()) == 6
    assert flash.FleetResult.from_json(fleet.to_json()) == fleet
    with pytest.raises(ArgumentError, match=r"target\[1\]: where .* 'energy'"):
        flash.search("resnet", ["rram", "rram", "cpu-x86"], where=["macs >= 1", "energy >= 3"])
    # several devices as one among them
    both = flash.together(a=targets[0], b="cpu-x86")
    mixed = flash.search("resnet", [both, "rram"], max_latency_ms=20.0)
    assert mixed[0].x == flash.search("resnet", both, max_latency_ms=20.0).x
    assert mixed[0].costs is not None
    assert mixed[1].x == flash.search("resnet", "rram", max_latency_ms=20.0).x
    assert "latency_ms@a" in str(mixed)
    # a file has its own for some
    arguments = ["search", "resnet", "--targets", str(folder), "--max-latency-ms", "3", "--json"]
    own = {"device1": {"where": "depth_0 == 1"}, "device2": {"min_nn_degree": 1e9}}
    budgets = _write(tmp_path / "b.json", json.dumps(own))
    assert main([*arguments, "--where", "depth_1 == 2", "--budgets", str(budgets)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["where"] for line in lines] == [
        ["depth_1 == 2"],
        ["depth_1 == 2", "depth_0 == 1"],
        ["depth_1 == 2", "nn_degree >= 1000000000.0"],
        *[["depth_1 == 2"]] * 2,
    ]
    assert [line["status"] for line in lines] == [*["OPTIMAL"] * 2, "INFEASIBLE", *["OPTIMAL"] * 2]


def test_bad_files_are_named_before_any_work(folder: Any, capsys: Any, tmp_path: Any) -> None:
    arguments = ["search", "densenet", "--targets", str(folder)]
    budgets = _write(tmp_path / "b.json", json.dumps({"device9": {"max_latency_ms": 1}}))
    cases: list[tuple[list[str], str]] = [
        ([*arguments, "--budgets", str(budgets)], "device9"),
        ([*arguments[:2], "rram", *arguments[2:]], "--targets takes the place of TARGET"),
        (["search", "densenet"], "TARGET, --together, or --targets"),
        (["search", "densenet", "rram", "--budgets", str(budgets)], "unknown key 'device9'"),
        ([*arguments, "--together", "pi=rram"], "--together is one search for several devices"),
        (["search", "densenet", "--targets", str(tmp_path / "none")], "folder"),
    ]
    for case, message in cases:
        assert main(case) == 2
        out = capsys.readouterr()
        assert message in out.err
        assert not out.out
    (folder / "bad1.json").write_text("{")
    (folder / "bad2.json").write_text("{}")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "2 of 7 target files" in error
    assert "bad1.json" in error
    assert "bad2.json" in error
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["search", "densenet", "--targets", str(empty)]) == 2
    assert "no .json file" in capsys.readouterr().err
