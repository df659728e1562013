"""`flash measure` and `flash calibrate` as they are typed."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

import flash
from flash import Architecture, Cell, Measurement, Target

if TYPE_CHECKING:
    from pathlib import Path

    from twins.processes import Run

NET = Architecture("resnet", [Cell(8, 1, 8)], resolution=8)
SMALL = ("--space", "resnet", "--resolution", "8", "--cells", "1", "--depths", "1:6",
         "--width-multipliers", "1,2")  # fmt: skip
QUICK = ("--time-limit-s", "0.05", "--passes", "2", "--runtime", "onnxruntime")


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    for name in ("torch", "onnx", "onnxruntime"):
        pytest.importorskip(name)


def test_measure_prints_one_screen(cli: Run, tmp_path: Path) -> None:
    NET.to_json(tmp_path / "net.json")
    done = cli("measure", "net.json", *QUICK, "--progress")
    assert "ms per image" in done.stdout
    assert "measuring: 2 of 2 passes, in " in done.stderr
    assert len(done.stdout.splitlines()) <= 12
    assert [one.name for one in tmp_path.iterdir()] == ["net.json"]
    data = json.loads(cli("measure", "net.json", *QUICK, "--quiet", "--json").stdout)
    assert Measurement.from_dict(data).subject == {"architecture": NET.to_dict()}


def test_measure_takes_indices_and_models(cli: Run, tmp_path: Path) -> None:
    NET.to_onnx(tmp_path / "net.onnx")
    done = cli("measure", "3", "net.onnx", *SMALL, *QUICK, "--quiet", "--out", "found.jsonl")
    assert "2 networks: found.jsonl" in done.stdout
    found = Measurement.load(tmp_path / "found.jsonl")
    assert found[1].name == "net.onnx"
    assert found[1].latency_ms > 0
    again = cli("measure", "3", "net.onnx", *SMALL, *QUICK, "--out", "found.jsonl")
    assert again.stdout == done.stdout
    assert "what is in it is not measured again" in again.stderr


def test_the_whole_loop(cli: Run, tmp_path: Path) -> None:
    done = cli("calibrate", *SMALL, "--n", "8", *QUICK, "--quiet", "--out", "mine.json",
               "--name", "mine")  # fmt: skip
    assert done.stdout.startswith("mine: latency_ms fitted to 8 measured networks, from cpu-x86")
    assert "left out" in done.stdout
    assert "not calibrated for densenet, wide-resnet, mobilenet-v2" in done.stdout
    assert "written to mine.json" in done.stdout
    target = Target.load(tmp_path / "mine.json")
    assert target.provenance["runtime"] == "onnxruntime"
    assert target.provenance["conditions"]["threads"] == 1
    assert target.residuals["default"]["networks"] == 8
    journal = tmp_path / "mine.measurements.jsonl"
    assert len(Measurement.load(journal)) == 8
    # the same again: nothing is measured, and the fit is the same
    before = journal.read_bytes()
    cli("calibrate", *SMALL, "--n", "8", *QUICK, "--out", "again.json", "--name", "mine")
    assert journal.read_bytes() == before
    data = json.loads(cli("calibrate", "--from", str(journal), "--name", "mine", "--json").stdout)
    assert data == json.loads((tmp_path / "mine.json").read_text())
    search = cli("search", "resnet", "mine.json", "--resolution", "8", "--json").stdout
    assert json.loads(search)["target"] == "mine"


def test_export_and_back(cli: Run, python: Run, tmp_path: Path) -> None:
    done = cli("measure", *SMALL, "--n", "3", "--time-limit-s", "0.05", "--passes", "1",
               "--export", "board")  # fmt: skip
    assert "3 networks: copy board to the other machine and run measure.py there" in done.stdout
    python("-I", "board/measure.py")
    done = cli("calibrate", "cpu-x86", "--from", "board/measurements.jsonl")
    assert "written to cpu-x86-calibrated.json" in done.stdout
    assert "flash: warning: latency_ms: 3 different networks" in done.stderr
    assert Target.load(tmp_path / "cpu-x86-calibrated.json").name == "cpu-x86-calibrated"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("measure",), "NETWORK or --space must be given"),
        (("measure", "5"), "NETWORK must be a .json or .onnx file, or an index with --space"),
        (("measure", "no.json"), "no.json: No such file"),
        (("measure", "--n", "5"), "--n needs --space"),
        (("measure", "3", "--n", "5", *SMALL), "--n must not be given with networks that are nam"),
        (("measure", "--space", "dense"), "did you mean 'densenet'"),
        (("measure", "--space", "densenet", "--n", "0"), "n must be an integer from 1 to 5000"),
        (("measure", "3", *SMALL, "--runtime", "tvm"), "runtime must be one of 'torch', 'onnxr"),
        (("measure", "3", *SMALL, "--runtime", "torch", "--export", "x"),
         "--export and --layers: --runtime must be onnxruntime"),
        (("measure", "--layers", "mcunet", "--runtime", "torch"),
         "--runtime must be onnxruntime, got 'torch'"),
        (("measure", "--import", "x.jsonl"), "--import needs --layers"),
        (("measure", "--layers", "dense"), "did you mean 'densenet'"),
        (("measure", "--layers", "resnet", "--n", "3"), "takes no NETWORK, --space or --n"),
        (("measure", "--layers", "resnet", "--name", "x"), "--name needs --import"),
        (("measure", "--layers", "resnet", "--import", "x.jsonl"), "--import needs --out"),
        (("measure", "--layers", "resnet", "--import", "x.jsonl", "--out", "x.json"),
         "x.jsonl: No such file"),
        (("measure", "3", *SMALL, "--energy", "x.csv"), "energy: x.csv cannot be read"),
        (("calibrate",), "either --from or --space must be given"),
        (("calibrate", "--from", "a", "--space", "densenet"), "either --from or --space must"),
        (("calibrate", "--from", "no.jsonl"), "no.jsonl: No such file"),
        (("calibrate", "cpu-arm", *SMALL), "target must be one of 'cortex-m4'"),
        (("calibrate", "--from", "x.jsonl", "--out", "x.txt"), "--out must be a .json file"),
    ],
)  # fmt: skip
def test_what_is_refused(words: tuple[str, ...], message: str, cli: Run, tmp_path: Path) -> None:
    done = cli(*words, code=2)
    assert done.stderr.startswith("flash: error: ")
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_shows_examples_that_parse(cli: Run) -> None:
    from flash.cli.options import parser

    top = cli("--help").stdout
    for command in ("measure", "calibrate"):
        text = cli(command, "--help").stdout
        examples = re.findall(rf"^ +flash {command} (.*)$", text + top, re.MULTILINE)
        assert len(examples) >= 3
        for example in examples:
            parser(command).parse_args(example.split())
        assert "--json" in text


def test_the_command_line_offers_what_the_functions_do() -> None:
    import inspect

    from flash.cli.options import parser

    for command, function, other in (
        ("measure", flash.measure, {"path": "out", "pin": "no_pin",
                                    "net": "network", "input_shape": "resolution"}),
        ("measure", flash.export_measuring, {"folder": "export", "pin": "no_pin", "nets": "network",
                                             "input_shape": "resolution"}),
        ("calibrate", flash.calibration_design, {"target": "base"}),
    ):  # fmt: skip
        known = set(vars(parser(command).parse_args([])))
        for name in inspect.signature(function).parameters:
            assert other.get(name, name) in known, f"{command}: {name}"


def test_layers_that_were_measured_become_a_target(cli: Run, tmp_path: Path) -> None:
    from flash.hardware._layer_rows import differing
    from flash.problem.by_layers import layers_of

    space = flash.ResNet(width_multipliers=[1], cells=[2], depths=[1, 2], skips=[0, 16])
    space.save(tmp_path / "space.json")
    rows = [
        {**differing(layer), "latency_us": 10.0 + 1e-3 * layer.macs} for layer in layers_of(space)
    ]
    some = [json.dumps(row) + "\n" for row in rows if row["kind"] != "linear"]
    (tmp_path / "some.jsonl").write_text("".join(some))
    words = ("measure", "--layers", "space.json", "--out", "pi.json", "--import")
    done = cli(*words, "some.jsonl", code=2)
    assert "space has 1 layer for which pi has no cost: linear 32>10 at 1x1" in done.stderr
    assert not (tmp_path / "pi.json").exists()
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = cli(*words, "all.jsonl")
    assert f"{len(rows)} layers and blocks; the space is covered" in done.stdout
    found = cli("search", "space.json", "pi.json", "--max-latency-ms", "50", "--json").stdout
    target = flash.Target.load(tmp_path / "pi.json")
    assert target.name == "pi"
    expected = flash.search(space, target, max_latency_ms=50)
    assert json.loads(found)["latency_ms"] == expected.latency_ms


def test_importing_flash_loads_none_of_it(python: Run) -> None:
    code = "import flash, sys; print(*[m for m in sys.modules if 'calibrat' in m or 'torch' in m])"
    assert python("-c", code).stdout.strip() == ""
    code = "import flash, sys; flash.measure; print('numpy' in sys.modules, 'torch' in sys.modules)"
    assert python("-c", code).stdout.split() == ["False", "False"]
    assert sys.modules  # for the type checker: used above in text only
