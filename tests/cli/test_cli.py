"""The command line as a user types it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flash
from flash.cli.main import main
from flash.results.result import SearchResult
from flash.spaces.space import SearchSpace

if TYPE_CHECKING:
    from twins.processes import Run

SEARCH = ("search", "densenet", "rram", "--max-latency-ms", "4", "--max-energy-mj", "0.04",
          "--max-area-mm2", "70")  # fmt: skip
BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}


def same(one: SearchResult, other: SearchResult) -> bool:
    """Equal but for the time they took."""
    return one.replace(elapsed_s=0.0) == other.replace(elapsed_s=0.0)


@pytest.mark.processes
def test_the_installed_script_runs_the_main_job(tmp_path: Path) -> None:
    script = Path(sysconfig.get_path("scripts")) / "flash"
    done = subprocess.run([script, *SEARCH], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "densenet on rram: OPTIMAL" in done.stdout
    assert "proven optimal: of 110,578,630,656 configurations" in done.stdout
    assert "latency" in done.stdout


def test_help_has_an_example_for_each_command(cli: Run) -> None:
    text = cli("--help").stdout
    assert text == cli().stdout == cli("-h").stdout
    for command in ("search", "evaluate", "targets", "info"):
        assert f"    flash {command} " in text
        own = cli(command, "--help").stdout
        assert f"  flash {command} " in own
        assert "--json" in own


def test_the_examples_of_the_help_run(cli: Run, tmp_path: Path) -> None:
    SearchSpace("densenet").decode(5).to_json(tmp_path / "net.json")
    text = cli("--help").stdout + cli("search", "--help").stdout + cli("evaluate", "--help").stdout
    examples = re.findall(
        r"^ +flash ((?:search|pareto|evaluate|targets|info) .*)$", text, re.MULTILINE
    )
    assert len(examples) >= 10
    flash.search("densenet", "rram").to_json(tmp_path / "result.json")
    (tmp_path / "fleet").mkdir()
    flash.Target.load("rram").to_json(tmp_path / "fleet" / "device.json")
    np.save(tmp_path / "rows.npy", np.zeros((5, 9), np.uint8))
    pillow = find_spec("PIL") is not None
    for label in ("cat", "dog") if pillow else ():
        from PIL import Image

        (tmp_path / "photos" / label).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(tmp_path / "photos" / label / "0.png")
    for example in examples:
        if "--out" in example and find_spec("pyarrow") is None:
            continue
        if "--images" in example and not pillow:
            continue
        cli(*example.split())


def test_version(cli: Run) -> None:
    assert cli("--version").stdout.split() == ["flash", flash.__version__]


def test_search_prints_what_the_function_returns(cli: Run) -> None:
    data = json.loads(cli(*SEARCH, "--json").stdout)
    assert same(SearchResult.from_dict(data), flash.search("densenet", "rram", **BUDGETS))


def test_search_writes_a_file(cli: Run, tmp_path: Path) -> None:
    done = cli(*SEARCH, "--json", "out.json")
    assert "OPTIMAL" in done.stdout
    written = SearchResult.from_json(tmp_path / "out.json")
    assert same(written, flash.search("densenet", "rram", **BUDGETS))


def test_search_several_targets(cli: Run) -> None:
    data = json.loads(cli("search", "resnet", "rram", "cpu-x86", "--json").stdout)
    assert [SearchResult.from_dict(one).target for one in data] == ["rram", "cpu-x86"]
    assert cli("search", "resnet", "rram", "cpu-x86").stdout.count("proven optimal") == 2


def test_search_options_are_those_of_the_function(cli: Run, tmp_path: Path) -> None:
    space = SearchSpace("densenet", cells=[2, 3], depths=flash.Range(5, 9),
                        skips=flash.Range(0, 15, unit="width/32"),
                        width_multipliers=[1, 2])  # fmt: skip
    space.save(tmp_path / "space.toml")
    options = ("--max-params", "2e6", "--method", "exact", "--seed", "7", "--json")
    expected = flash.search(space, "rram", max_params=2_000_000, method="exact", seed=7)
    for words in (
        ("search", str(tmp_path / "space.toml"), "rram"),
        ("search", "densenet", "rram", "--cells", "2,3", "--depths", "5:9", "--skips", "0:15@32",
         "--width-multipliers", "1,2"),
        ("search", "densenet", "--cells=2,3", "rram", "--depths=5:9", "--skips=0:15@32",
         "--width-multipliers=1,2"),
    ):  # fmt: skip
        found = SearchResult.from_json(cli(*words, *options).stdout)
        assert same(found, expected)
    assert expected.method == "exact"
    assert expected.seed == 7


def test_search_per_cell_choices(cli: Run) -> None:
    text = cli("search", "densenet", "rram", "--depths", "5:9/6/7,8", "--skips", "0/0:10:5/3",
               "--json").stdout  # fmt: skip
    expected = SearchSpace("densenet", depths=(flash.Range(5, 9), 6, [7, 8]),
                           skips=(0, flash.Range(0, 10, 5), 3))  # fmt: skip
    assert SearchResult.from_json(text).space == expected


def test_search_free_widths(cli: Run) -> None:
    text = cli("search", "densenet", "rram", "--widths", "8,16", "--depths", "5:6", "--skips", "0",
               "--json").stdout  # fmt: skip
    expected = SearchSpace("densenet", widths=[8, 16], depths=flash.Range(5, 6), skips=0)
    assert SearchResult.from_json(text).space == expected


@pytest.mark.parametrize(
    "words",
    [
        ("--objective", "accuracy=1,latency_ms=-1"),
        ("--objective", "accuracy=1", "--objective", "latency_ms=-1"),
        ("--objective", '{"accuracy": 1, "latency_ms": -1}'),
    ],
)
def test_search_weighted_product(words: tuple[str, ...], cli: Run) -> None:
    expected = flash.search("densenet", "rram", objective={"accuracy": 1, "latency_ms": -1})
    assert same(SearchResult.from_json(cli(*SEARCH[:3], *words, "--json").stdout), expected)


def test_search_without_the_certificate(cli: Run) -> None:
    found = SearchResult.from_json(cli(*SEARCH, "--no-certify", "--json").stdout)
    assert found.status == "FEASIBLE"
    assert not found.proven
    assert found.gap is not None


def test_nothing_found_is_exit_code_1(cli: Run) -> None:
    done = cli("search", "densenet", "rram", "--max-latency-ms", "1e-6", code=1)
    assert "INFEASIBLE" in done.stdout
    assert "max_latency_ms would have to be at least 0.654" in done.stdout
    data = cli("search", "densenet", "rram", "--max-latency-ms", "1e-6", "--json", code=1).stdout
    assert SearchResult.from_json(data).status == "INFEASIBLE"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("serach densenet rram", "did you mean 'search'"),
        ("search densnet rram", "did you mean 'densenet'"),
        ("search densnet rram --cells 3", "did you mean 'densenet'"),
        ("search densenet rrram", "did you mean 'rram'"),
        ("search densenet", "TARGET"),
        ("search", "SPACE"),
        ("search densenet rram --max-latency 4", "did you mean '--max-latency-ms'"),
        ("search densenet rram --max-latency-ms", "expected one argument"),
        ("search densenet rram --max-latency-ms fast", "fast"),
        ("search densenet rram --max-latency-ms nan", "max_latency_ms"),
        ("search densenet rram --max-latency-ms 0", "max_latency_ms"),
        ("search densenet rram --max-latency-ms=-1", "max_latency_ms"),
        ("search densenet rram --max-area-mm2 inf", "max_area_mm2"),
        ("search densenet rram --max-params 0.0", "max_params"),
        ("search densenet rram --max-macs 1e999", "must be an integer, as 1000, 1e6 or 2M"),
        ("search densenet cpu-x86 --max-area-mm2 5", "area"),
        ("search densenet rram --min-accuracy 0.9", "min_accuracy"),
        ("search densenet rram --method shog", "did you mean 'shgo'"),
        ("search densenet rram --objective speed", "speed"),
        ("search densenet rram --objective accuracy=x", "accuracy=x"),
        ("search densenet rram --objective accuracy=1,accuracy=2", "once"),
        ('search densenet rram --objective {"accuracy":', "JSON"),
        ("search densenet rram --objective latncy_ms=-1", "did you mean 'latency_ms'"),
        ("search densenet rram --seed x", "seed"),
        ("search densenet rram --seed=-1", "seed"),
        ("search densenet rram --time-limit-s 0", "time_limit_s"),
        ("search densenet rram --max-evals 0", "max_evals"),
        ("search densenet rram --depths 9:5", "depths"),
        ("search densenet rram --depths 5:x", "--depths"),
        ("search densenet rram --depths 5:9:1:1", "--depths"),
        ("search densenet rram --depths 5@32", "--depths"),
        ("search densenet rram --depths 5/6", "depths"),
        ("search densenet rram --widths 8 --width-multipliers 1", "width"),
        ("search densenet rram --kernels 3", "kernels"),
        ("search missing.toml rram", "missing.toml"),
        ("search densenet missing.json", "missing.json"),
        ("search densenet rram --predictor missing.json", "missing.json"),
        ("search bad.toml rram", "bad.toml"),
        ("search bad.json rram", "bad.json"),
        ("search densenet bad.json", "bad.json"),
        ("evaluate densenet rram", "NETWORK"),
        ("evaluate densenet rram -1", "NETWORK"),
        ("evaluate densenet rram 999999999999999999999", "NETWORK"),
        ("evaluate densenet rram 0,0", "row"),
        ("evaluate densenet rram 9,0,0,0,0,0,0,0,0", "width_multiplier"),
        ("evaluate densenet rram missing.json", "missing.json"),
        ("evaluate densenet rram bad.json", "bad.json"),
        ("evaluate densenet rram other.json", "family"),
        ("evaluate densenet rram none.json", "no network"),
        ("evaluate densenet rrram 0", "did you mean 'rram'"),
        ("targets rrram", "did you mean 'rram'"),
        ("targets bad.json", "bad.json"),
        ("info surplus", "surplus"),
        ("search densenet rram --max-latency-ms 4ms", "'4ms'\n"),
        ("search densenet rram --max-latency-ms 4,5", "'4,5'\n"),
        ("search densenet rram --seed 1e3.5", "'1e3.5'\n"),
        ("search densenet rpi4", "did you mean 'raspberry-pi-4'"),
        ("measure --space densenet --n 1 --device gpu", "did you mean 'cuda'"),
        ("search densenet other.json", "other.json is an architecture; what is read here"),
        ("search densenet rram --json folder", "error: folder: "),
        ("search densenet rram --json none/x.json", "error: none/x.json: No such"),
        ("search densenet rram --json=", "--json must be the path"),
        ("search folder rram", "or the path of a .toml or .json file"),
        ("search folder.toml rram", "folder.toml: "),
        ("search densenet folder.json", "folder.json: "),
        ("search densenet rram --predictor folder", "folder: "),
        ("search nan.json rram", "'nan.json' holds NaN"),
        ("search twice.json rram", "'twice.json' has the key 'family' twice"),
        ("search deep.json rram", "'deep.json' is nested too deeply"),
        ("search latin.json rram", "'latin.json' is not UTF-8"),
        ("search types.toml rram", "'types.toml': cells must be"),
        ("search densenet latin.json", "'latin.json' is not UTF-8"),
        ("evaluate densenet rram x", "NETWORK must be a flat index, a row"),
        ("evaluate densenet rram 1.5", "NETWORK must be a flat index, a row"),
        ("evaluate densenet rram folder", "folder: "),
        ("evaluate densenet rram list.json", "'list.json': the architecture must be"),
        ("evaluate densenet rram cell.json", "'cell.json': "),
        ("evaluate densenet rram deep.json", "'deep.json' is nested too deeply"),
        ("targets folder.json", "folder.json: "),
        ("targets folder", "or the path of a .json file"),
    ],
)
def test_bad_usage_is_exit_code_2(words: str, text: str, cli: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("family = [")
    (tmp_path / "bad.json").write_text('{"family": ')
    (tmp_path / "none.json").write_text('{"architecture": null}')
    SearchSpace("resnet").decode(0).to_json(tmp_path / "other.json")
    for name in ("folder", "folder.toml", "folder.json"):
        (tmp_path / name).mkdir()
    (tmp_path / "nan.json").write_text('{"family": "resnet", "cells": NaN}')
    (tmp_path / "twice.json").write_text('{"family": "resnet", "family": "resnet"}')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "latin.json").write_bytes(b'{"\xe9": 1}')
    (tmp_path / "types.toml").write_text('family = "resnet"\ncells = "3"\n')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "cell.json").write_text('{"family": "resnet", "cells": [{"width": "x"}]}')
    done = cli(*words.split(), code=2)
    assert done.stdout == ""
    assert text in done.stderr
    assert "error: " in done.stderr
    assert len(done.stderr) < 1000
    assert not list(tmp_path.glob("*.part"))


def test_evaluate_reproduces_the_search(cli: Run, tmp_path: Path) -> None:
    found = flash.search("densenet", "rram", **BUDGETS)
    assert found.architecture is not None
    assert found.x is not None
    found.to_json(tmp_path / "result.json")
    found.architecture.to_json(tmp_path / "net.json")
    networks = (str(found.index), ",".join(map(str, found.x)), "result.json", "net.json")
    data = json.loads(cli("evaluate", "densenet", "rram", *networks, "--json").stdout)
    assert len(data) == 4
    for one in data:
        assert one["architecture"] == found.architecture.to_dict()
        for name in ("nn_degree", "latency_ms", "energy_mj", "area_mm2"):
            assert one[name] == getattr(found, name)
    assert data[0]["index"] == data[1]["index"] == found.index
    lines = cli("evaluate", "densenet", "rram", *networks).stdout.splitlines()
    assert len(lines) == 5
    assert {"network", "nn_degree", "latency_ms", "energy_mj", "area_mm2"} <= set(lines[0].split())
    assert lines[3].startswith("result.json")


def test_evaluate_takes_the_choices_of_a_space(cli: Run) -> None:
    words = ("evaluate", "resnet", "cpu-x86", "0", "--cells", "2", "--depths", "2:3", "--json")
    (data,) = json.loads(cli(*words).stdout)
    expected = SearchSpace("resnet", cells=2, depths=flash.Range(2, 3)).decode(0)
    assert data["architecture"] == expected.to_dict()
    assert data["latency_ms"] == flash.Target.load("cpu-x86").cost(expected).latency_ms


def test_targets(cli: Run) -> None:
    rows = [line.split()[0] for line in cli("targets").stdout.splitlines()]
    assert rows == ["name", *flash.targets()]
    data = json.loads(cli("targets", "--json").stdout)
    assert [one["name"] for one in data] == list(flash.targets())
    for name in flash.targets():
        text = cli("targets", name).stdout
        assert "provenance:" in text
        assert "residuals:" in text
        one = json.loads(cli("targets", name, "--json").stdout)
        assert one["name"] == name
        assert one["kind"]
        assert one["metrics"]


def test_info(cli: Run) -> None:
    facts = json.loads(cli("info", "--json").stdout)
    assert facts["version"] == flash.__version__
    assert facts["location"] == str(Path(flash.__file__).parent)
    for name in ("compiler", "flags", "switches", "cython", "python", "platform"):
        assert facts[name]
    text = cli("info").stdout
    for name, value in facts.items():
        assert re.search(rf"^{name} +{re.escape(value)}$", text, re.MULTILINE)


def test_ctrl_c_prints_the_best_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    best = flash.search("densenet", "rram", **BUDGETS).replace(
        status="FEASIBLE", proven=False, stopped="interrupt"
    )
    monkeypatch.setattr(flash, "search", lambda *_, **__: best)
    assert main(list(SEARCH)) == 130
    assert "stopped by interrupt" in capsys.readouterr().out


def test_ctrl_c_before_anything_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(flash, "search", interrupted)
    assert main(list(SEARCH)) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "flash: interrupted\n"


@pytest.mark.processes
def test_a_reader_that_leaves_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "flash", *SEARCH],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


# conditions beyond budgets


def test_conditions_are_those_of_the_function(cli: Run, tmp_path: Path) -> None:
    words = ("search", "resnet", "rram", "--max-latency-ms", "2", "--where", "depth_0 == depth_1",
             "--where", "energy_mj / latency_ms <= 0.02", "--k", "3", "--min-distance", "2",
             "--min-nn-degree", "100", "--minimize", "params",
             "--minimize", "latency_ms")  # fmt: skip
    asked: dict[str, Any] = {
        "max_latency_ms": 2.0, "where": ["depth_0 == depth_1", "energy_mj / latency_ms <= 0.02"],
        "k": 3, "min_distance": 2, "min_nn_degree": 100.0, "minimize": ["params", "latency_ms"],
    }  # fmt: skip
    expected = flash.search("resnet", "rram", **asked)
    found = SearchResult.from_dict(json.loads(cli(*words, "--json").stdout))
    assert (found.x, found.objective, found.where) == (
        expected.x, expected.objective, expected.where
    )  # fmt: skip
    assert [one.x for one in found.alternatives] == [one.x for one in expected.alternatives]
    told = cli(*words).stdout
    assert "3 networks, the best first" in told
    assert "where depth_0 == depth_1" in told
    # the same from a file, of which options are the last word
    (tmp_path / "a.json").write_text(json.dumps({**asked, "k": 7, "where": asked["where"][0]}))
    file = cli("search", "resnet", "rram", "--budgets", str(tmp_path / "a.json"), "--k", "3",
               "--where", asked["where"][1], "--json")  # fmt: skip
    assert SearchResult.from_dict(json.loads(file.stdout)).x == expected.x
    (tmp_path / "a.toml").write_text('where = "depth_0 == 2"\nobjective = "nn_degree"\n')
    toml = cli("search", "resnet", "rram", "--budgets", str(tmp_path / "a.toml"), "--json")
    own = flash.search("resnet", "rram", where="depth_0 == 2")
    assert SearchResult.from_dict(json.loads(toml.stdout)).x == own.x


@pytest.mark.parametrize(
    ("texts", "objective"),
    [
        (["nn_degree"], "nn_degree"),
        (["sum: nn_degree=1, latency_ms=-2"], {"sum": {"nn_degree": 1.0, "latency_ms": -2.0}}),
        (["sum:latency_ms=-1"], {"sum": {"latency_ms": -1.0}}),
        (["accuracy", "sum: latency_ms=-1"], ["accuracy", {"sum": {"latency_ms": -1.0}}]),
        (['{"sum": {"macs": -1}}'], {"sum": {"macs": -1}}),
        (['["accuracy", {"sum": {"macs": -1}}]'], ["accuracy", {"sum": {"macs": -1}}]),
        (["accuracy=1,latency_ms=-1"], {"accuracy": 1.0, "latency_ms": -1.0}),
        (["accuracy=1", "latency_ms=-1"], {"accuracy": 1.0, "latency_ms": -1.0}),
    ],
)
def test_objectives_as_text(texts: list[str], objective: Any) -> None:
    from flash.cli.read import read_objective

    assert read_objective(texts) == objective


def test_several_devices_on_the_command_line(cli: Run) -> None:
    words = ("search", "resnet", "--together", "pi=raspberry-pi-4", "--together", "phone=pixel-3")
    devices = flash.together(pi="raspberry-pi-4", phone="pixel-3")
    own = ("--max-latency-ms", "80", "--where", "latency_ms@phone <= 20")
    result = SearchResult.from_dict(json.loads(cli(*words, *own, "--json").stdout))
    expected = flash.search("resnet", devices, max_latency_ms=80.0, where="latency_ms@phone <= 20")
    assert (result.x, result.costs) == (expected.x, expected.costs)
    assert "latency on phone" in cli(*words, *own).stdout
    assert cli(*words, "--where", "latency_ms@pi <= 1e-9", code=1).stdout.count("INFEASIBLE") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rram", "--where", "depth_9 == 3"], "did you mean 'depth_"),
        (["rram", "--where", "latency_ms * macs <= 3"], "product of metrics"),
        (["rram", "--k", "0"], "k must be"),
        (["rram", "--k", "2", "--min-distance", "99"], "min_distance must be"),
        (["rram", "--minimize", "latency"], "did you mean 'latency_ms'"),
        (["rram", "--objective", "sum: macs"], "sum: nn_degree=1, latency_ms=-2"),
        (["rram", "--objective", "sum: macs=1, macs=2"], "each name once"),
        (["rram", "--objective", "accuracy", "--objective", "mac=1"], "did you mean 'macs'"),
        (["rram", "--together", "a=rram"], "--together takes the place of TARGET"),
        (["--together", "rram"], "--together must be like pi=raspberry-pi-4"),
        (["--together", "a b=rram"], "--together must be like pi=raspberry-pi-4"),
        (["--together", "a=rram", "--together", "a=rram"], "each name once"),
        (["--together", "a=rramm"], "did you mean 'rram'"),
        (["rram", "--where", "macs >= 1", "--method", "random"], "method must be one of"),
        (["rram", "--budgets", "no.toml"], "no.toml"),
    ],
)
def test_conditions_that_are_refused(cli: Run, words: list[str], message: str) -> None:
    assert message in cli("search", "resnet", *words, code=2).stderr


def test_fronts_and_sweeps_under_conditions(cli: Run) -> None:
    where = ("--where", "depth_0 == depth_1", "--where", "depth_1 == depth_2")
    words = ("pareto", "resnet", "rram", "--max-latency-ms", "1", *where, "--json")
    front = flash.ParetoFront.from_dict(json.loads(cli(*words).stdout))
    assert front.where == ("depth_0 == depth_1", "depth_1 == depth_2")
    expected = flash.pareto("resnet", "rram", where=front.where, max_latency_ms=1.0)
    assert front.latency_ms.tolist() == expected.latency_ms.tolist()
    swept = json.loads(cli("sweep", "resnet", "rram", "--sample", "20000", *where, "--json").stdout)
    assert swept["where"] == "depth_0 == depth_1 and depth_1 == depth_2"
    assert 0 < swept["feasible"] < 2000
