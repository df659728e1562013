"""flash export --torch-code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import flash
from flash.cli.main import main
from tests.twins.written_code import run


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """Return the file of a search result."""
    small = flash.ResNet(cells=2, depths=[1, 2], skips=[0, 4], widths=[4, 8], resolution=16)
    flash.search(small, "cpu-x86", max_latency_ms=5.0).to_json(tmp_path / "found.json")
    return tmp_path / "found.json"


def test_code_alone(found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It needs no torch; a result says for what it was found, and its network alone cannot."""
    assert main(["export", str(found), "--torch-code", str(tmp_path / "net.py")]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path / 'net.py'}: resnet, ")
    assert "new weights" not in said
    text = (tmp_path / "net.py").read_text()
    assert text == flash.SearchResult.from_json(found).to_torch_code()
    network = tmp_path / "net.json"
    network.write_text(json.dumps(json.loads(found.read_text())["architecture"]))
    assert main(["export", str(network), "--torch-code", str(tmp_path / "one.py")]) == 0
    assert "Found by" not in (tmp_path / "one.py").read_text()


@pytest.mark.torch
def test_code_and_weights(found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    outputs = ("--torch", str(tmp_path / "net.pt"), "--torch-code", str(tmp_path / "net.py"))
    assert main(["export", str(found), *outputs, "--json"]) == 0
    told: Any = json.loads(capsys.readouterr().out)
    assert told["torch_code"] == str(tmp_path / "net.py")
    run(tmp_path / "net.py")().load_state_dict(torch.load(tmp_path / "net.pt"))


@pytest.mark.torch
def test_nothing_is_written_where_anything_fails(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"kind": "conv", "in_channels": 3, "out_channels": 8, "kernel": 3}]
    rows.append({"kind": "act", "activation": "softmax"})
    net = tmp_path / "rows.json"
    flash.Network.from_layers(rows, input_shape=(3, 9, 9)).to_json(net)
    before = set(tmp_path.iterdir())
    for words, said in (
        ([str(found)], "--onnx, --torch or --torch-code, the file to write, must be given"),
        ([str(found), "--torch-code", str(tmp_path / "no" / "x.py")], "No such file"),
        (
            [str(found), "--torch-code", str(tmp_path / "x.py"), "--onnx", str(tmp_path)],
            "Is a directory",
        ),
        (
            [str(found), "--torch-code", str(tmp_path / "x.py"), "--onnx", str(tmp_path / "x.onnx"),
             "--opset", "99"],
            "opset must be",
        ),
    ):  # fmt: skip
        assert main(["export", *words]) == 2
        assert said in capsys.readouterr().err
        assert set(tmp_path.iterdir()) == before
