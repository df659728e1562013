"""The space hurricane: layers of 30 types of operator, and its page."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from twins.places import ROOT

import flash
from flash.errors import ArgumentError, ArgumentTypeError

PAGE = ROOT / "docs" / "reference" / "spaces" / "hurricane.md"
SMALL: dict[str, Any] = {
    "widths": (16, 32), "layers": (2, 3), "strides": (1, 2), "stem_stride": 1, "resolution": 8,
    "num_classes": 10,
}  # fmt: skip


def test_twenty_layers_of_thirty_operators() -> None:
    space = flash.Hurricane()
    assert space.size == 30**20
    blocks = [name for name in space.variables if name.startswith("block_")]
    assert blocks == list(space.variables)
    assert len(blocks) == 20
    labels = space.choices_of("block_stage3_7")
    assert len(labels) == 30
    kinds = [one.split()[0] for one in labels]
    assert [kinds.count(name) for name in ("shuffle", "xception", "mb")] == [6, 6, 18]
    assert "mb kernel 5 expansion 6 se True" in labels


@pytest.mark.parametrize("target", ["cpu-x86", "pixel-3", "rram", "systolic-128-ws"])
def test_tables_are_what_networks_cost(target: str) -> None:
    space = flash.Hurricane(**SMALL)
    index = space.sample_indices(40, 2)
    told: Any = flash.evaluate(space, target, index)
    device = flash.Target.load(target)
    for k, i in enumerate(index):
        net = space.decode(i)
        assert told["latency_ms"][k] == device.cost(net).latency_ms
        assert told["nn_degree"][k] == flash.nn_degree(net)
        assert (told["params"][k], told["macs"][k]) == (net.params, net.macs)


def test_a_search_is_the_best_of_all() -> None:
    space = flash.Hurricane(**{**SMALL, "layers": (1, 2), "kernels": 3})
    limit = 0.4
    every: Any = flash.evaluate(space, "pixel-3", np.arange(space.size))
    found = flash.search(space, "pixel-3", max_latency_ms=limit)
    assert found.status == "OPTIMAL"
    within = every["latency_ms"] <= limit
    assert 0 < within.sum() < space.size
    assert found.nn_degree == every["nn_degree"][within].max()


@pytest.mark.torch
def test_networks_are_what_torch_and_onnx_make_of_them(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    space = flash.Hurricane(**SMALL)
    for i in space.sample_indices(6, 4):
        net = space.decode(i)
        module = net.to_torch()
        assert module(torch.zeros(2, 3, 8, 8)).shape == (2, 10)
        assert sum(one.numel() for one in module.parameters()) == net.params
        read = flash.Network.from_torch(module, (3, 8, 8))
        assert (read.params, read.macs) == (net.params, net.macs)
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "net.onnx"
    net.to_onnx(path, module=module.eval())
    x = torch.randn(1, 3, 8, 8)
    own = onnxruntime.InferenceSession(str(path)).run(None, {"input": x.numpy()})[0]
    with torch.no_grad():
        assert np.abs(own - module(x).numpy()).max() < 1e-4


def test_its_options() -> None:
    space = flash.Hurricane(operators="shuffle", kernels=(3, 5), se=False, **SMALL)
    assert space.choices_of("block_stage1_0") == ("shuffle kernel 3", "shuffle kernel 5")
    wide = flash.Hurricane(width_multipliers=(0.5, 1), operators=["mb"], se=True, **SMALL)
    assert wide.lengths[0] == 2
    assert flash.BlockSpace.from_dict(wide.to_dict()) == wide
    assert wide.to_dict()["family"] == "hurricane"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"widths": (15, 32)}, ArgumentError, "widths must be even, .* got 15"),
        ({"layers": (2,)}, ArgumentError, "got 2 widths, 1 layers, 2 strides"),
        (
            {"operators": ()},
            ArgumentError,
            "operators must be some of shuffle, xception, mb, got none",
        ),
        ({"operators": ["mb", "mb"]}, ArgumentError, "operators must hold each name once"),
        ({"operators": "shufle"}, ArgumentError, "operators must be one of.*shufle"),
        ({"se": [1]}, ArgumentTypeError, "se must be True or False, got 1"),
        ({"se": [True, True]}, ArgumentError, "se must be True, False or both"),
        ({"strides": 2}, ArgumentTypeError, "strides must be a list, got 2"),
        ({"strides": []}, ArgumentError, "strides must be a number for each stage, got none"),
        ({"layers": (0, 2)}, ArgumentError, r"layers\[0\] must be"),
        ({"stem_stride": 0}, ArgumentError, "stem_stride must be"),
        ({"kernels": 4}, ArgumentError, "kernels must be odd"),
        ({"resolution": "8"}, ArgumentTypeError, "resolution"),
    ],
)
def test_options_that_are_none(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        flash.Hurricane(**{**SMALL, **given})


@pytest.mark.torch
def test_a_supernet_of_it_scores_as_cut_networks(tmp_path: Any) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from flash.training import Recipe
    from flash.training.loop import judge

    space = flash.Hurricane(**SMALL)
    supernet = flash.train_supernet(space, "digits", epochs=1, out=tmp_path)
    index = space.sample_indices(3, 0).tolist()
    for i, score in zip(index, supernet.score(index), strict=True):
        cut = supernet.recalibrate(supernet.cut(i))
        assert judge(cut, supernet.data["test_x"], supernet.data["test_y"], Recipe())[0] == score


@pytest.mark.skipif(not PAGE.exists(), reason="the repository is not here")
def test_its_page_runs_and_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") == 2
    names: dict[str, object] = {"__name__": "page"}
    for code, printed in blocks:
        exec(compile(code, str(PAGE), "exec"), names)
        assert capsys.readouterr().out == printed
    rows = re.findall(r"^\| stage\d \| (\d+) \| (\d+) \| (\d+) layers", text, re.M)
    stages = flash.Hurricane().stages
    assert [tuple(map(int, row)) for row in rows] == [
        (stage.widths[0], stage.stride, stage.depths[0]) for stage in stages
    ]
