"""BlockNetwork.to_torch_code: the file alone is the module of to_torch, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError  # noqa: E402
from flash.spaces.known.homes import KNOWN  # noqa: E402
from tests.twins.written_code import RUFF, formatted, same  # noqa: E402

pytestmark = pytest.mark.torch

PARENT = {
    "hidden_size": 48,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "vocab_size": 64,
    "num_key_value_heads": 2,
    "attention_bias": True,
}


def known() -> dict[str, list[flash.BlockSpace]]:
    """Return small spaces of each make that comes with flash."""
    return {
        "mobilenet-v3": [flash.MobileNetV3(width_multipliers=0.25, resolution=32)],
        "convnext": [
            flash.ConvNeXt(widths=(8, 16, 24, 32), depths=(1, 2, 4, 1), input=(3, 32, 32))
        ],
        "vit": [flash.ViT(embed=32, heads=(2, 4), depth=(4, 6), head_dim=8, input=(3, 32, 32))],
        "mcunet": [flash.MCUNet(width_multipliers=0.3, resolution=48)],
        "hurricane": [
            flash.Hurricane(widths=(8, 16), layers=(8, 8), strides=(2, 2), resolution=32)
        ],
        "fbnet-v2": [flash.FBNetV2(resolution=32)],
        "decoder": [
            flash.Decoder({**PARENT, "tie_word_embeddings": tied}, sequence=12)
            for tied in (False, True)
        ],
    }


def spaced(options: Any, head: Any, **more: Any) -> flash.BlockSpace:
    body = flash.Stage(options, [8, 16], flash.Range(2, 4), stride=2, name="body")
    return flash.BlockSpace([body], input=(3, 16, 16), head=head, num_classes=5, **more)


def some(space: flash.BlockSpace, count: int = 2) -> list[Any]:
    return [space.decode(row) for row in space.sample_indices(count, seed=3)]


def rows(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (3, 5)) -> Any:
    sizes = {"in_channels": in_channels, "out_channels": out_channels, "stride": stride}
    return [{"kind": "conv", **sizes, "kernel": kernel, "norm": True, "activation": "relu"}]


def rows_head(in_channels: int, classes: int, stride: int) -> Any:
    linear = {"kind": "linear", "in_channels": in_channels, "out_channels": classes, "bias": True}
    return [{"kind": "pool", "mode": "global_avg"}, linear]


def layers(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (3, 5)) -> nn.Module:
    """torch's own layers, with what is not usual of them."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
        nn.GroupNorm(2, out_channels, eps=1e-3),
        nn.PReLU(out_channels, 0.1),
        nn.Dropout2d(0.1),
        nn.Conv2d(
            out_channels, out_channels, (1, 3), padding="same", padding_mode="circular", groups=2
        ),
        nn.Sequential(nn.Identity(), nn.BatchNorm2d(out_channels, affine=False)),
        nn.Upsample(scale_factor=2),
        nn.AvgPool2d(2, count_include_pad=False),
        nn.MaxPool2d(3, 1, 1),
        nn.Hardtanh(-1, 1),
        nn.InstanceNorm2d(out_channels, affine=True),
    )


def layers_head(in_channels: int, classes: int, stride: int) -> nn.Module:
    found = nn.Sequential()
    found.add_module("pool", nn.AdaptiveAvgPool2d((2, 1)))
    found.add_module("flatten", nn.Flatten())
    found.add_module("linear", nn.Linear(2 * in_channels, classes))
    return found


class Gate(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, stride, 1)

    def forward(self, x: Any) -> Any:
        return torch.sigmoid(self.conv(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_known_spaces(name: str, tmp_path: Path) -> None:
    for number, space in enumerate(known()[name]):
        for net in some(space):
            text = same(net, tmp_path / f"net{number}.py")
            assert f"{net.params:,} parameters; {net.macs:,} multiply-accumulates" in text
            bits = "Memory was counted at" in text
            assert bits == (name in ("mcunet", "decoder"))


def test_blocks_of_layers(tmp_path: Path) -> None:
    for net in some(spaced({"m": layers}, layers_head)):
        assert "torch gives its layers" in " ".join(same(net, tmp_path / "net.py").split())


def test_rows(tmp_path: Path) -> None:
    for net in some(spaced({"m": rows}, rows_head)):
        same(net, tmp_path / "net.py")
    # a signal: what its rows hand on has an axis more than what its blocks do
    body = flash.Stage({"m": rows}, [8], [2], name="class")
    signals = flash.BlockSpace([body], input=(3, 20, 1), head=rows_head, num_classes=5)
    same(some(signals, 1)[0], tmp_path / "signal.py")


def test_alike_blocks_are_a_loop_and_keywords_are_names(tmp_path: Path) -> None:
    body = flash.Stage({"m": layers}, [8], [4], name="class")
    space = flash.BlockSpace([body], input=(8, 16, 16), head=layers_head, num_classes=5)
    row = [0] * len(space.variables)
    text = same(space.decode(row), tmp_path / "net.py")
    assert "for number in range(0, 4):" in text
    assert text.count("nn.Hardtanh") == 1
    single = flash.BlockSpace(
        [flash.Stage({"m": layers}, [8], name="class")],
        input=(8, 16, 16),
        head=layers_head,
        num_classes=5,
    )
    text = same(single.decode([0] * len(single.variables)), tmp_path / "one.py")
    assert '"class"' in text or "class_0" in text


def gated(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(), Gate(in_channels, out_channels, stride))


def hooked(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    found = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    found.register_forward_hook(lambda module, given, made: made * 2)
    return found


def twice(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    act = nn.ReLU()
    return nn.Sequential(act, nn.Conv2d(in_channels, out_channels, 3, stride, 1), act)


def tied(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    one = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    two, three = (nn.Conv2d(out_channels, out_channels, 1) for _ in range(2))
    three.weight = two.weight
    return nn.Sequential(one, two, three)


def changed(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    found = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
    found.register_buffer("more", torch.zeros(2))
    return found


def acted(in_channels: int, out_channels: int, stride: int) -> Any:
    return [
        *rows(in_channels, out_channels, stride, kernel=3),
        {"kind": "act", "activation": "elu"},
    ]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (gated, r"body_0\.1 \(Gate\) is a class of .*test_block_code"),
        (hooked, r"body_0 \(Conv2d\) has hooks"),
        (twice, r"body_0\.2 \(ReLU\) stands in two places"),
        (tied, r"body_0\.2 \(Conv2d\) has weights of another module"),
        (changed, r"body_0 \(Conv2d\) was changed after it was made"),
        (acted, r"block body_0 has layer rows and no module, and layers\[1\] \(act elu\) says"),
    ],
)
def test_what_cannot_be_written_is_named(option: Any, said: str, tmp_path: Path) -> None:
    head = rows_head if option is acted else layers_head
    with pytest.raises(ArgumentError, match=said):
        some(spaced({"m": option}, head), 1)[0].to_torch_code(tmp_path / "net.py")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(RUFF is None, reason="needs ruff")
def test_as_ruff_formats_it(tmp_path: Path) -> None:
    nets = [some(one, 1)[0] for several in known().values() for one in several]
    nets += [some(spaced({"m": layers}, layers_head), 1)[0]]
    for number, net in enumerate(nets):
        net.to_torch_code(tmp_path / f"net{number}.py")
    formatted(tmp_path)
