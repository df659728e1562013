"""flash.measure: real inference, its record, and the script for another machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from twins.hostile import hostile

import flash
from flash import Architecture, Cell, Measurement, Network
from flash.errors import (
    ArgumentError,
    ArgumentTypeError,
    CalibrationWarning,
    DeviceError,
    FormatError,
)
from flash.hardware import _series
from flash.hardware.measuring import script

NET = Architecture("resnet", [Cell(8, 1, 8)], resolution=8)
OTHER = Architecture("densenet", [Cell(8, 3, 8)], resolution=8)
QUICK: dict[str, Any] = {"time_limit_s": 0.05, "passes": 2}
RECORD: dict[str, Any] = {
    "name": "net", "runtime": "torch", "device": "cpu", "median_ms": 2.0, "q1_ms": 1.9,
    "q3_ms": 2.2, "min_ms": 1.8, "wall_ms": 2.0, "cpu_ms": 2.0, "noise_pct": 0.5, "runs": 40,
    "passes": 4, "warmup_runs": 20, "settled": True, "energy_mj": None,
    "energy_source": "absent: none", "conditions": {"batch": 4}, "subject": None,
}  # fmt: skip


def runtime(name: str) -> str:
    pytest.importorskip("torch")
    if name == "onnxruntime":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    return name


@pytest.mark.torch
@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_a_network_is_measured(name: str) -> None:
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    found = flash.measure(NET, runtime=runtime(name), **QUICK)
    assert isinstance(found, Measurement)
    assert 0 < found.min_ms <= found.q1_ms <= found.median_ms <= found.q3_ms < 1000
    assert found.latency_ms == found.median_ms
    assert (found.runtime, found.device, found.passes) == (name, "cpu", 2)
    assert found.runs >= found.passes  # more where the machine is not busy with other things
    assert found.subject == {"architecture": NET.to_dict()}
    assert found.conditions["versions"][name]
    assert found.conditions["threads"] == found.conditions["batch"] == 1
    assert {"load_before", "load_after", "governor", "cpu", "dtype"} <= set(found.conditions)
    assert found.energy_mj is not None or found.energy_source.startswith("absent: ")
    assert Measurement.from_json(found.to_json()) == found
    if affinity is not None:
        assert os.sched_getaffinity(0) == affinity


@pytest.mark.torch
@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_more_work_takes_longer(name: str) -> None:
    """By processor time, and by far: 200 times the multiply-accumulates."""
    big = Architecture("resnet", [Cell(64, 3, 64)], resolution=16)
    small, large = flash.measure([NET, big], runtime=runtime(name), clock="cpu", **QUICK)
    assert large.median_ms > 2 * small.median_ms
    assert small.conditions["clock"] == "cpu"


@pytest.mark.torch
@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_modules_and_tables_are_measured(name: str) -> None:
    runtime(name)
    import torch

    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5)
    ).train()
    found = flash.measure(module, runtime=name, input_shape=(1, 8, 8), batch=3, **QUICK)
    assert module.training
    assert found.latency_ms == pytest.approx(found.median_ms / 3)
    assert Network.from_dict(found.subject["network"]).params == 4 * 9 + 4 + 144 * 5 + 5
    table = flash.measure(OTHER.network(), runtime=name, **QUICK)
    assert table.subject == {"network": OTHER.network().to_dict()}


@pytest.mark.torch
def test_models_are_measured_as_bytes_and_as_protos(tmp_path: Path) -> None:
    runtime("onnxruntime")
    import onnx

    path = tmp_path / "net.onnx"
    NET.network().to_onnx(path)
    held = path.read_bytes()
    told = [flash.measure(path, runtime="onnxruntime", **QUICK)]
    told += flash.measure([held, onnx.load(path)], runtime="onnxruntime", **QUICK)
    assert told[0].name == "net.onnx"
    assert told[1].name == told[2].name != "net.onnx"
    assert told[0].subject == told[1].subject == told[2].subject is not None
    with pytest.raises(ArgumentError, match="runtime must be 'onnxruntime' for an ONNX model"):
        flash.measure(held, **QUICK)
    folder = tmp_path / "there"
    flash.export_measuring([held, path], folder)
    assert (folder / "net_0000.onnx").read_bytes() == held


@pytest.mark.torch
@pytest.mark.parametrize("name", ["torch", "onnxruntime"])
def test_modules_of_token_numbers_are_measured(name: str) -> None:
    runtime(name)
    import torch

    module = torch.nn.Sequential(torch.nn.Embedding(20, 8), torch.nn.LSTM(8, 6, batch_first=True))
    found = flash.measure(module, runtime=name, input_shape=12, **QUICK)
    kinds = [row["kind"] for row in found.subject["network"]["layers"]]
    assert kinds[:2] == ["embedding", "recurrent"]  # and where its states go
    with pytest.raises(ArgumentError, match="input_shape must be"):
        flash.measure(module, runtime=name, input_shape=0, **QUICK)


@pytest.mark.torch
def test_a_module_that_flash_cannot_read_is_measured_all_the_same() -> None:
    torch = pytest.importorskip("torch")

    class Odd(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.from_numpy(x.numpy() * 2)

    with pytest.warns(CalibrationWarning, match=r"cannot read the layers of net\[0\] \(Odd-0\)"):
        found = flash.measure(Odd(), **QUICK)
    assert found.subject is None
    with pytest.raises(ArgumentError, match="layers that flash can read, got none: Odd-0"):
        flash.calibrate("cpu-x86", [found])


@pytest.mark.torch
def test_threads_are_put_back() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    flash.measure(NET, threads=2, pin=False, **QUICK)
    assert torch.get_num_threads() == before


@pytest.mark.torch
@pytest.mark.parametrize("arch", [
    NET, OTHER, Architecture("wide-resnet", [Cell(16, 2, 5), Cell(32, 2, 32)], resolution=8),
    Architecture("mobilenet-v2", [Cell(8, 1, 8, 2, 5), Cell(16, 2, 16, 3, 3)], resolution=16),
])  # fmt: skip
def test_a_table_becomes_a_module_of_the_same_size(arch: Architecture) -> None:
    torch = pytest.importorskip("torch")
    from flash.hardware._engines import TableModule, torch_module

    made = torch_module(arch.network(), 0)
    assert isinstance(made, TableModule)
    assert sum(p.numel() for p in made.parameters()) == arch.params
    with torch.inference_mode():
        assert made.eval()(torch.zeros(2, *arch.network().input_shape)).shape == (2, 10)


@pytest.mark.torch
def test_odd_windows_become_modules_of_the_right_shapes() -> None:
    torch = pytest.importorskip("torch")
    from flash.hardware._engines import TableModule

    net = Network.from_layers(
        [
            {"kind": "conv", "in_channels": 3, "out_channels": 8, "height": 17, "width": 12,
             "kernel": (3, 5), "stride": (2, 1), "padding": (1, 2), "dilation": (2, 1)},
            {"kind": "pool", "kernel": 2, "stride": 2, "mode": "max", "padding_end": (1, 1)},
            {"kind": "conv", "out_channels": 8, "kernel": 3, "groups": 4, "padding_end": (2, 1)},
            {"kind": "concat", "inputs": [2], "channels": 5, "out_channels": 5, "in_channels": 5},
        ][:3]
    )  # fmt: skip
    out = TableModule(net)(torch.zeros(1, 3, 17, 12))
    last = net.layers[-1]
    assert tuple(out.shape[1:]) == (last.out_channels, last.out_height, last.out_width)


@pytest.mark.torch
def test_activations_and_zeros_of_a_network_are_run() -> None:
    torch = pytest.importorskip("torch")
    from flash.hardware._engines import TableModule
    from flash.networks.layer import ACTIVATIONS

    x = torch.randn(2, 4, 5, 5)
    for name in ACTIVATIONS:
        made = TableModule(
            Network.from_layers([{"kind": "pool", "kernel": 1, "activation": name}], (4, 5, 5))
        )
        more = {"dim": 1} if name.endswith("softmax") else {}
        assert torch.equal(made(x), getattr(torch.nn.functional, name)(x, **more))
    zero = [{"kind": "pool", "mode": "zero", "kernel": 1, "stride": stride} for stride in (1, 2)]
    several = Network.from_layers([zero[0], {**zero[1], "inputs": [-1]}], (4, 5, 5), [0, 1])
    assert [tuple(one.shape) for one in TableModule(several)(x)] == [(2, 4, 5, 5), (2, 4, 3, 3)]
    assert not any(one.any() for one in TableModule(several)(x))


@pytest.mark.torch
def test_the_onnx_model_computes_what_the_module_does() -> None:
    runtime("onnxruntime")
    import numpy as np
    import onnxruntime
    import torch

    from flash.hardware._engines import onnx_bytes, torch_module

    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten())
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    for net in (NET, NET.network(), module):
        made = torch_module(net, 5).eval()
        source = made if isinstance(net, Network) else net
        session = onnxruntime.InferenceSession(onnx_bytes(source, (3, 8, 8), 5))
        with torch.inference_mode():
            want = made(torch.from_numpy(x)).numpy()
        assert session.run(None, {session.get_inputs()[0].name: x})[0] == pytest.approx(
            want, rel=1e-3, abs=1e-4
        )


# Series and journals


@pytest.mark.torch
def test_a_list_gives_a_list_and_a_journal(tmp_path: Path) -> None:
    runtime("torch")
    path = tmp_path / "journal.jsonl"
    found = flash.measure([NET, OTHER], path=path, **QUICK)
    assert [one.subject["architecture"]["family"] for one in found] == ["resnet", "densenet"]
    assert Measurement.load(path) == found
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sum("measurement" in line for line in lines) == 2
    assert sum("pass" in line for line in lines) == 4
    assert flash.measure([NET, OTHER], path=path, **QUICK) == found  # nothing is measured again
    with pytest.raises(ArgumentError, match=r"path: .* with threads=1, not threads=2"):
        flash.measure([NET, OTHER], path=path, threads=2, **QUICK)


class Failing:
    """An engine whose device is gone from its third opening on."""

    opened = 0
    versions: dict[str, str] = {}  # noqa: RUF012
    device_name = None
    error: BaseException = RuntimeError("CUDA error: device lost")

    def __init__(self) -> None:
        type(self).opened += 1

    def run(self) -> None:
        if type(self).opened > 3:
            raise self.error

    def close(self) -> None:
        pass


@pytest.mark.torch
@pytest.mark.parametrize("error", [RuntimeError("CUDA error: device lost"), KeyboardInterrupt()])
def test_what_is_finished_is_handed_out(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime("torch")
    monkeypatch.setattr(Failing, "opened", 0)
    monkeypatch.setattr(Failing, "error", error)
    monkeypatch.setattr("flash.hardware.measuring.engine_opener", lambda s: lambda item: Failing())
    path = tmp_path / "journal.jsonl"
    kind = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else DeviceError
    with pytest.raises(kind) as caught:
        flash.measure([NET, OTHER], path=path, **QUICK)
    assert [one.name for one in caught.value.finished] == [Measurement.load(path)[0].name]
    text = str(caught.value) + " ".join(getattr(caught.value, "__notes__", ()))
    assert f"1 of 2 networks are finished; all is in {path}" in text
    monkeypatch.undo()
    assert len(flash.measure([NET, OTHER], path=path, **QUICK)) == 2


# Records


def test_a_record_is_one_screen_and_json(tmp_path: Path) -> None:
    one = Measurement(**RECORD)
    assert one.latency_ms == 0.5
    text = str(one)
    assert "2 ms per batch of 4 images" in text
    assert "absent: none" in text
    assert len(text.splitlines()) <= 12
    one.to_json(tmp_path / "one.json")
    assert Measurement.from_json(tmp_path / "one.json") == one
    assert Measurement.load(tmp_path / "one.json") == [one]
    (tmp_path / "list.json").write_text(json.dumps([one.to_dict()] * 2))
    assert Measurement.load(tmp_path / "list.json") == [one, one]
    with pytest.raises(AttributeError, match="frozen"):
        one.median_ms = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"median_ms": 0.0}, "median_ms must be a finite number above 0, got 0.0"),
        ({"median_ms": "2"}, "median_ms must be a finite number above 0, got '2'"),
        ({"noise_pct": -1.0}, "noise_pct must be a finite number of at least 0"),
        ({"runs": 1.5}, "runs must be an integer of at least 0"),
        ({"name": None}, "name must be text, got None"),
        ({"conditions": []}, "conditions must be a table"),
        ({"conditions": {"batch": 0}}, "batch must be an integer from 1"),
        ({"conditions": {"versions": 5}}, r"conditions\.versions must be a table"),
        ({"conditions": {"pinned_to": 3}}, r"conditions\.pinned_to must be a list"),
        ({"conditions": {"own": float("nan")}}, r"conditions\.own must be a finite number"),
        ({"conditions": json.loads("[" * 50 + "]" * 50)}, "nested too deeply"),
        ({"settled": 1}, "settled must be True or False"),
        ({"subject": {"network": 1e999}}, "must be a finite number"),
        ({"mean_ms": 1.0}, "unknown key 'mean_ms'; did you mean"),
    ],
)
def test_a_record_of_a_file_is_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        Measurement.from_dict({**RECORD, **changes})
    with pytest.raises(FormatError, match="lacks the key 'median_ms'"):
        Measurement.from_dict({k: v for k, v in RECORD.items() if k != "median_ms"})


def test_files_without_measurements_are_refused(tmp_path: Path) -> None:
    for name, text in (("a.jsonl", '{"journal": 1}\n'), ("b.json", "[]")):
        (tmp_path / name).write_text(text)
        with pytest.raises(FormatError, match="holds no finished measurement"):
            Measurement.load(tmp_path / name)
    (tmp_path / "d.jsonl").write_text("[" * 100_000 + "\n{}\n")
    with pytest.raises(FormatError, match="line 1 is not JSON"):
        Measurement.load(tmp_path / "d.jsonl")
    (tmp_path / "c.jsonl").write_text("x\n")
    with pytest.raises(FormatError, match="line 1 is not JSON"):
        Measurement.load(tmp_path / "c.jsonl")


def test_a_record_with_whatever_is_wrong() -> None:
    facts = {
        "time": "then", "system": "Linux", "cpu": "x", "cpus": 2, "pinned_to": [1],
        "governor": None, "max_khz": "3", "load_before": [0.1], "device_name": None,
        "versions": {"torch": "2"}, "threads": 1, "batch": 1, "dtype": "float32", "clock": "wall",
    }  # fmt: skip
    text = json.dumps({**RECORD, "conditions": facts, "subject": {"architecture": NET.to_dict()}})
    for wrong, changed in hostile(text):
        try:
            try:
                read = Measurement.from_json(changed)
            except FormatError:
                continue
            str(read)
            read._repr_html_()
            assert read.latency_ms > 0
            assert Measurement.from_json(read.to_json()) == read
        except Exception as error:
            raise AssertionError(wrong) from error


# Bad input


@pytest.mark.torch
@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (NET, {"runtime": "tensorflow"}, "runtime must be one of 'torch', 'onnxruntime'"),
        (NET, {"device": "tpu"}, "device must be one of 'cpu', 'cuda', got 'tpu'"),
        (NET, {"threads": 0}, "threads must be an integer from 1 to 1024, got 0"),
        (NET, {"batch": 1.0}, "batch must be an integer from 1"),
        (NET, {"dtype": "int8"}, "dtype must be one of"),
        (NET, {"dtype": "float16", "runtime": "onnxruntime"}, "dtype must be 'float32' with onn"),
        (NET, {"clock": "sun"}, "clock must be one of 'wall', 'cpu'"),
        (NET, {"clock": "cpu", "threads": 2}, "clock must be 'wall' for CUDA or several threads"),
        (NET, {"time_limit_s": 0}, "time_limit_s must be a finite number above 0"),
        (NET, {"time_limit_s": float("nan")}, "time_limit_s must be a finite number above 0"),
        (NET, {"passes": 0}, "passes must be an integer from 1 to 1000"),
        (NET, {"pin": 1}, "pin must be True or False, got 1"),
        (NET, {"seed": -1}, "seed must be an integer from 0"),
        (NET, {"input_shape": (3, 9, 9)}, r"input_shape must be \(3, 8, 8\) for net\[0\]"),
        (NET, {"input_shape": (3, 9)}, "input_shape must be"),
        ([], {}, "net must be 1 to 100000 networks, got 0"),
        (3, {}, r"net\[0\] must be an Architecture, a Network, a torch module, an"),
        ([NET, "net.txt"], {}, r"net\[1\] must be the path of an .onnx model or of a .json"),
        ("model.onnx", {}, "runtime must be 'onnxruntime' for an ONNX model"),
    ],
)
def test_what_measure_refuses(net: Any, options: dict[str, Any], message: str) -> None:
    runtime("onnxruntime")
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.measure(net, **options)


@pytest.mark.torch
def test_cuda_that_is_not_there_is_refused() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ArgumentError, match="torch finds no CUDA device"):
        flash.measure(NET, device="cuda")
    runtime("onnxruntime")
    with pytest.raises(ArgumentError, match="this onnxruntime has no CUDAExecutionProvider"):
        flash.measure(NET, device="cuda", runtime="onnxruntime")


def test_a_missing_runtime_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=rf"needs {name}: pip install .*'{name}>="):
            flash.measure(NET, runtime=name)


def test_an_export_names_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"export_measuring\(\), which .* needs torch: pip"):
        flash.export_measuring(NET, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.torch
def test_an_onnx_file_that_is_none_is_told(tmp_path: Path) -> None:
    runtime("onnxruntime")
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with (
        pytest.raises((ArgumentError, DeviceError)),
        pytest.warns(CalibrationWarning, match=r"cannot read the layers of .*bad.onnx"),
    ):
        flash.measure(tmp_path / "bad.onnx", runtime="onnxruntime", **QUICK)
    with pytest.raises(FileNotFoundError):
        flash.measure(tmp_path / "none.onnx", runtime="onnxruntime", **QUICK)


# Another machine


def test_the_script_needs_no_flash() -> None:
    text = script()
    assert "from ." not in text
    assert "import flash" not in text
    assert text.startswith("#!/usr/bin/env python3\n")
    assert text.count("from __future__ import annotations") == 1
    compile(text, "measure.py", "exec")


def run(path: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", path, *words], capture_output=True, text=True, timeout=120
    )


@pytest.mark.torch
@pytest.mark.processes
def test_measuring_elsewhere_and_calibrating_here(tmp_path: Path) -> None:
    runtime("onnxruntime")
    nets = [NET, OTHER, Architecture("resnet", [Cell(16, 2, 16)], resolution=8)]
    folder = tmp_path / "board"
    path = flash.export_measuring(nets, folder, **QUICK)
    assert sorted(one.name for one in folder.iterdir()) == [
        "manifest.json", "measure.py", "net_0000.onnx", "net_0001.onnx", "net_0002.onnx",
    ]  # fmt: skip
    done = run(path)
    assert done.returncode == 0, done.stderr
    assert "3 networks" in done.stdout
    assert "0 of 6 passes, 0 s pass 1 of 2, network 1 of 3" in done.stderr
    assert "6 of 6 passes" in done.stderr
    journal = folder / "measurements.jsonl"
    found = Measurement.load(journal)
    assert [one.subject["architecture"] for one in found] == [net.to_dict() for net in nets]
    assert all(one.runtime == "onnxruntime" for one in found)
    again = run(path)
    assert "pass" not in again.stderr  # it is all there
    assert again.stdout == done.stdout
    other = run(path, "--threads", "2")
    assert other.returncode == 2
    assert "measurements with threads=1, not threads=2" in other.stderr
    assert run(path, "--passes", "0").returncode == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = flash.calibrate("cpu-x86", journal)
    assert target.residuals["default"]["by_network"]["names"] == [one.name for one in found]
    assert target.cost(NET).latency_ms > 0


@pytest.mark.torch
@pytest.mark.processes
def test_a_broken_model_elsewhere_keeps_the_others(tmp_path: Path) -> None:
    runtime("onnxruntime")
    folder = tmp_path / "board"
    path = flash.export_measuring([NET, OTHER], folder, time_limit_s=0.05, passes=1)
    whole = (folder / "net_0001.onnx").read_bytes()
    (folder / "net_0001.onnx").write_bytes(b"broken")
    done = run(path)
    assert done.returncode == 1
    assert "what is finished is in" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(Measurement.load(folder / "measurements.jsonl")) == 1
    (folder / "net_0001.onnx").write_bytes(whole)
    assert run(path).returncode == 0
    assert len(Measurement.load(folder / "measurements.jsonl")) == 2


@pytest.mark.torch
def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ArgumentError, match="folder must be new or empty"):
        flash.export_measuring([NET], tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ArgumentError, match="nets must be 1 to"):
        flash.export_measuring([], tmp_path / "new")
    assert _series.RUNTIMES == ("torch", "onnxruntime")
