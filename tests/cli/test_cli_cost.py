"""`flash cost` as it is typed."""

from __future__ import annotations

import json
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash.cli.main import main
from flash.networks.cell_networks import PNASNET_5, CellNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from twins.processes import Run

ARCH = flash.Architecture("resnet", [flash.Cell(16, 2, 16)], resolution=16)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert main(["cost", *words]) == code
    told = capsys.readouterr()
    return told.out, told.err


def test_it_prints_the_table_of_layers(cli: Run, tmp_path: Path) -> None:
    ARCH.to_json(tmp_path / "net.json")
    done = cli("cost", "net.json", "--target", "rram")
    assert done.stdout == f"{flash.Target.load('rram').cost(ARCH)}\n"
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[1].split()[:4] == ["layer", "ms", "%", "mJ"]
    assert lines[2].startswith("0 conv 3x3 3>16")
    assert [one.name for one in tmp_path.iterdir()] == ["net.json"]


def test_json_and_html_are_files_of_the_same_cost(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ARCH.network().to_json("net.json")
    cost = flash.Target.load("cpu-x86").cost(ARCH.network())
    words = ("net.json", "--target", "cpu-x86", "--json", "c.json", "--html", "c.html")
    out, _ = typed(capsys, *words)
    assert out == f"{cost}\n"
    data = json.loads((here / "c.json").read_text())
    assert data == json.loads(cost.to_json())
    assert (data["target"], data["latency_ms"]) == ("cpu-x86", cost.latency_ms)
    assert len(data["by_layer"]) == len(ARCH.network())
    html = (here / "c.html").read_text()
    assert html == cost.to_html()
    assert html.startswith("<!DOCTYPE html>")
    assert sorted(one.name for one in here.iterdir()) == ["c.html", "c.json", "net.json"]
    out, _ = typed(capsys, "net.json", "--target", "cpu-x86", "--json")
    assert json.loads(out) == data


def test_only_the_layers_that_take_longest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ARCH.to_json("net.json")
    words = ("net.json", "--target", "cpu-x86", "--top", "2", "--html", "c.html")
    out, _ = typed(capsys, *words)
    cost = flash.Target.load("cpu-x86").cost(ARCH)
    names = sorted(cost.by_layer, key=lambda one: -one.latency_ms)
    assert names[0].name in out
    assert f"{len(cost.by_layer) - 2} more" in out
    assert sum(one.name in out for one in cost.by_layer) == 2
    assert (here / "c.html").read_text() == cost.to_html(top=2)


def test_results_and_networks_of_cells(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = flash.search("resnet", "cpu-x86", max_latency_ms=2.0, max_evals=5)
    (here / "found.json").write_text(result.to_json())
    out, _ = typed(capsys, "found.json", "--target", "cpu-x86")
    assert out == f"{flash.Target.load('cpu-x86').cost(result.architecture)}\n"
    net = CellNetwork(PNASNET_5, repeats=1, filters=8)
    net.to_json("cells.json")
    out, _ = typed(capsys, "cells.json", "--target", "cpu-x86")
    assert out == f"{flash.Target.load('cpu-x86').cost(net)}\n"


@pytest.mark.torch
def test_an_onnx_model(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    ARCH.to_onnx("net.onnx")
    out, _ = typed(capsys, "net.onnx", "--target", "cpu-x86", "--json")
    assert sum(one["macs"] for one in json.loads(out)["by_layer"]) == ARCH.macs


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_an_onnx_model_of_open_sizes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    import torch

    open_sizes = {"input": {2: "height", 3: "width"}}
    module = torch.nn.Conv2d(3, 4, 3, padding=1)
    torch.onnx.export(
        *(module, (torch.zeros(1, 3, 8, 8),), "net.onnx"),
        input_names=["input"], dynamic_axes=open_sizes, dynamo=False,
    )  # fmt: skip
    out, _ = typed(
        *(capsys, "net.onnx", "--target", "cpu-x86", "--json", "--input-shape", "3,12,10")
    )
    assert json.loads(out)["by_layer"][0]["macs"] == 12 * 10 * 4 * 27
    words = ("net.onnx", "--target", "cpu-x86", "--json", "--input-shape", "input=3,12,10")
    assert typed(capsys, *words)[0] == out
    assert "input_shape" in typed(capsys, "net.onnx", "--target", "cpu-x86", code=2)[1]


def exported(path: str = "net.pt2") -> Any:
    import torch

    module = ARCH.to_torch().eval()
    batch = torch.export.Dim("batch")
    images = (torch.zeros(2, 3, 16, 16),)
    program = torch.export.export(module, images, dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    return module


@pytest.mark.torch
def test_a_torch_export_program(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported()
    words = ("net.pt2", "--target", "cpu-x86", "--input-shape", "3,16,16", "--json")
    data = json.loads(typed(capsys, *words)[0])
    assert sum(one["macs"] for one in data["by_layer"]) == ARCH.macs
    assert sum(one["params"] for one in data["by_layer"]) == ARCH.params


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("evil.txt", "w")


def changed(path: str, out: str, edit: Any) -> None:
    """Write an archive with its graph edited."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.endswith("models/model.json"):
                data = edit(data.decode()).encode()
            new.writestr(info.filename, data)


@pytest.mark.torch
def test_programs_that_would_run_something_are_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported()
    words = ("--target", "cpu-x86", "--input-shape", "3,16,16")
    for number, (old, new, text) in enumerate(
        [
            ("torch.ops.aten.conv2d.default", "torch.hub.load", "calls 'torch.hub.load'"),
            ("torch.ops.aten.conv2d.default", "_operator.__call__", "no operator of torch"),
            ("torch.ops.aten.conv2d.default", "torch.ops.mine.conv", "calls 'torch.ops.mine.conv'"),
            ("Symbol('s", "__import__('os').system('s", "an expression of sizes"),
            ("Symbol('s", "eval(chr(49)+'s", "an expression of sizes"),
            ('{"graph_module"', '{"graph_module', "not valid JSON"),
        ]
    ):
        changed("net.pt2", f"evil{number}.pt2", lambda data, a=old, b=new: data.replace(a, b))
        assert text in typed(capsys, f"evil{number}.pt2", *words, code=2)[1]
    with zipfile.ZipFile("net.pt2", "a") as archive:
        archive.writestr("net/data/constants/opaque_obj_0", pickle.dumps(Evil()))
    assert "an object that is not a tensor" in typed(capsys, "net.pt2", *words, code=2)[1]
    assert not (here / "evil.txt").exists()


@pytest.mark.torch
def test_pickled_weights_of_a_program_are_not_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    exported()
    torch.save({"x": Evil()}, "evil.pt")
    evil = (here / "evil.pt").read_bytes()
    (here / "evil.txt").unlink(missing_ok=True)
    with zipfile.ZipFile("net.pt2") as old, zipfile.ZipFile("bad.pt2", "w") as new:
        for info in old.infolist():
            inputs = info.filename.endswith("sample_inputs/model.pt")
            new.writestr(info.filename, evil if inputs else old.read(info))
    error = typed(capsys, "bad.pt2", "--target", "cpu-x86", code=2)[1]
    assert "cannot read the torch.export file 'bad.pt2'" in error
    assert not (here / "evil.txt").exists()


def test_bad_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ARCH.to_json("net.json")
    (here / "net.txt").write_text("")
    (here / "model.pt").write_bytes(b"")
    (here / "half.json").write_text('{"family": "resnet", ')
    (here / "list.json").write_text("[1]")
    (here / "x.pt2").write_bytes(b"PK\x03\x04 no archive")
    for words, text in (
        (("net.txt",), "FILE must end in .onnx, .pt2, .json, got 'net.txt'"),
        (("net.jsn",), "did you mean '.json'"),
        (("model.pt",), "such files are code, which is not run"),
        (("none.json",), "FILE must be there, got 'none.json'"),
        (("half.json",), "the network file 'half.json'"),
        (("list.json",), "must hold an architecture or a network"),
        (("net.json", "--input-shape", "3,8,8"), "--input-shape is of .onnx and .pt2 files"),
        (("net.json", "--input-shape", "3,0,8"), "--input-shape must be sizes without the batch"),
        (("net.json", "--input-shape", "3x8"), "as 3,224,224, got '3x8'"),
        (("net.json", *("--input-shape", "3,8") * 2), "each name once, got '3,8'"),
        (("net.json", "--top", "0"), "--top must be at least 1, got 0"),
        (("net.json", "--html", "none/c.html"), "none/c.html"),
        (("net.json", "--json", "none/c.json"), "none/c.json"),
    ):
        assert text in typed(capsys, *words, "--target", "cpu-x86", code=2)[1]
    assert "cpu-x68" in typed(capsys, "net.json", "--target", "cpu-x68", code=2)[1]


@pytest.mark.torch
def test_a_file_that_is_no_archive(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "x.pt2").write_bytes(b"PK\x03\x04 no archive")
    error = typed(capsys, "x.pt2", "--target", "cpu-x86", code=2)[1]
    assert "the torch.export file 'x.pt2' is no archive of torch.export.save" in error
    with zipfile.ZipFile("y.pt2", "w") as archive:
        archive.writestr("y/data.pkl", b"")
    error = typed(capsys, "y.pt2", "--target", "cpu-x86", code=2)[1]
    assert "holds no graph" in error


def test_target_must_be_named(cli: Run, tmp_path: Path) -> None:
    ARCH.to_json(tmp_path / "net.json")
    assert "--target" in cli("cost", "net.json", code=2).stderr
