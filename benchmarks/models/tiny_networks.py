"""The networks of MLPerf Tiny and MobileNetV2 of a small width, as tables of layers.

By MLPerf Tiny's reference models (mlcommons/tiny, benchmark/training): a ResNet-8 on 32 x 32 pixels
("IC"), a DS-CNN on 49 x 10 ("KWS"), MobileNetV1 of width 0.25 on 96 x 96 ("VWW") and an autoencoder
of linear layers ("AD"). Strides pad as TensorFlow does.
"""

from __future__ import annotations

from typing import Any

from flash import Network

__all__ = ["NETWORKS", "mobilenet_v2", "person_detection"]

RELU: dict[str, Any] = {"norm": True, "activation": "relu"}


def _same(side: int, kernel: int, stride: int) -> dict[str, Any]:
    """Return the padding by which a map becomes its side over the stride, rounded up."""
    more = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return {"padding": more // 2, "padding_end": (more - more // 2, more - more // 2)}


def _conv(out: int, side: int, kernel: int = 3, stride: int = 1, **more: Any) -> dict[str, Any]:
    row = {"kind": "conv", "out_channels": out, "kernel": kernel, "stride": stride, **RELU}
    return {**row, **_same(side, kernel, stride), **more}


def _head(classes: int) -> list[dict[str, Any]]:
    pool = {"kind": "pool", "mode": "global_avg"}
    return [pool, {"kind": "linear", "out_channels": classes, "bias": True}]


def resnet_8() -> Network:
    rows = [_conv(16, 32)]
    side = 32
    for width in (16, 32, 64):
        stride, start = (1 if width == 16 else 2), len(rows) - 1
        rows.append(_conv(width, side, stride=stride))
        rows.append(_conv(width, -(-side // stride), activation=None))
        inner, source = len(rows) - 1, start
        if stride > 1:
            plain = {"norm": False, "bias": True, "activation": None, "inputs": (start,)}
            rows.append(_conv(width, side, 1, stride, **plain))
            source = len(rows) - 1
        rows.append({"kind": "add", "inputs": (source, inner), "activation": "relu"})
        side = -(-side // stride)
    return Network.from_layers([*rows, *_head(10)], (3, 32, 32))


def ds_cnn() -> Network:
    first = {"kernel": (10, 4), "padding": (4, 1), "padding_end": (5, 1)}
    rows = [{"kind": "conv", "out_channels": 64, "stride": 2, **RELU, **first}]
    for _ in range(4):
        rows += [_conv(64, 25, groups=64, padding=1, padding_end=(1, 1)), _conv(64, 25, 1)]
    return Network.from_layers([*rows, *_head(12)], (1, 49, 10))


def _mobilenet_v1(channels: int) -> Network:
    side, into = 48, 8
    rows = [_conv(8, 96, stride=2)]
    widths = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5]
    for out, stride in (*widths, (256, 2), (256, 1)):
        rows.append(_conv(into, side, stride=stride, groups=into))
        side, into = -(-side // stride), out
        rows.append(_conv(out, side, 1))
    return Network.from_layers([*rows, *_head(2)], (channels, 96, 96))


def visual_wake_words() -> Network:
    return _mobilenet_v1(3)


def person_detection() -> Network:
    """The example of TensorFlow Lite Micro: the same on grey images."""
    return _mobilenet_v1(1)


def autoencoder() -> Network:
    widths = (*[128] * 4, 8, *[128] * 4, 640)
    rows: list[dict[str, Any]] = [
        {"kind": "linear", "out_channels": width, "bias": True, "activation": "relu"}
        for width in widths
    ]
    rows[-1]["activation"] = None
    return Network.from_layers(rows, (640, 1, 1))


def mobilenet_v2(width: float, side: int, last: int = 1280, classes: int = 1000) -> Network:
    """MobileNetV2 of a width, its channels in multiples of eight; last: of the last convolution."""

    def wide(channels: float) -> int:
        own = max(8, int(channels * width + 4) // 8 * 8)
        return own + 8 if own < 0.9 * channels * width else own

    image, into = side, wide(32)
    rows = [_conv(into, side, stride=2, activation="relu6")]
    side = -(-side // 2)
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1)]
    for expansion, channels, repeats, first in (*stages, (6, 160, 3, 2), (6, 320, 1, 1)):
        for number in range(repeats):
            stride, out, source = (first if number == 0 else 1), wide(channels), len(rows) - 1
            hidden = into * expansion
            if expansion > 1:
                rows.append(_conv(hidden, side, 1, activation="relu6"))
            rows.append(_conv(hidden, side, stride=stride, groups=hidden, activation="relu6"))
            side = -(-side // stride)
            rows.append(_conv(out, side, 1, activation=None))
            if stride == 1 and into == out:
                rows.append({"kind": "add", "inputs": (source, len(rows) - 1)})
            into = out
    rows.append(_conv(last, side, 1, activation="relu6"))
    return Network.from_layers([*rows, *_head(classes)], (3, image, image))


NETWORKS = {
    "IC": resnet_8,
    "KWS": ds_cnn,
    "VWW": visual_wake_words,
    "AD": autoencoder,
}
