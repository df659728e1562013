"""Operations of any network as rows: which are rows of their own, and what they count."""

from __future__ import annotations

from typing import Any

import pytest

from flash.errors import ArgumentError
from flash.networks.network import Network
from flash.networks.reading.assemble import assemble
from flash.networks.reading.operations import IMAGE, Listing


class Tape:
    """Operations written one after the other."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape
        self.listing = Listing()

    def __call__(self, kind: str, inputs: Any, shape: Any, **fields: Any) -> int:
        inputs = [inputs] if isinstance(inputs, int) else inputs
        return self.listing.add(kind, inputs, shape, kind, **fields)

    def net(self, *returned: int) -> Network:
        net = assemble(self.listing.operations, self.shape, list(returned) or None)
        assert Network.from_json(net.to_json()) == net
        return net


def linear(tape: Tape, source: int, shape: Any, into: int, **fields: Any) -> int:
    given = {"in_channels": into, "out_channels": shape[-1], "bias": True, **fields}
    return tape("linear", source, shape, **given)


def test_attention() -> None:
    tape = Tape(1, 3, 32, 32)
    patches = tape(
        *("conv", IMAGE, (1, 64, 8, 8)),
        out_channels=64, kernel=(4, 4), stride=(4, 4), padding=(0,) * 4, bias=True,
    )  # fmt: skip
    tokens = tape("view", tape("view", patches, (1, 64, 64)), (1, 64, 64))
    tokens = tape("scale", tokens, (1, 64, 64), mode="add", params=64 * 64, count=64 * 64)
    normed = tape("norm", tokens, (1, 64, 64), mode="layer", params=128)
    heads = [tape("view", linear(tape, normed, (1, 64, 64), 64), (1, 4, 64, 16)) for _ in range(3)]
    first = {"batch": 4, "rows": 64, "inner": 16, "columns": 64}
    scores = tape(
        "matmul", [heads[0], tape("view", heads[1], (1, 4, 16, 64))], (1, 4, 64, 64), **first
    )
    weights = tape("act", scores, (1, 4, 64, 64), name="softmax")
    second = {"batch": 4, "rows": 64, "inner": 64, "columns": 16}
    mixed = tape("matmul", [weights, heads[2]], (1, 4, 64, 16), **second)
    mixed = tape("move", mixed, (1, 64, 4, 16), mode="permute")
    out = linear(tape, tape("view", mixed, (1, 64, 64)), (1, 64, 64), 64)
    joined = tape("add", [tokens, out], (1, 64, 64))
    first_token = tape("view", joined, (1, 64), partly=True)
    net = tape.net(linear(tape, first_token, (1, 10), 64))
    assert net.params == (48 + 1) * 64 + 64 * 64 + 128 + 4 * 65 * 64 + 65 * 10
    assert net.macs == 64 * 48 * 64 + 4 * 64 * 64 * 64 + 2 * 64 * 64 * 64 + 640
    kinds = [layer.kind for layer in net.layers]
    assert kinds.count("matmul") == 2
    assert kinds[:3] == ["conv", "scale", "norm"]
    products = [layer for layer in net.layers if layer.kind == "matmul"]
    assert [layer.numbers_read for layer in products] == [2 * 64 * 64, 4 * 64 * 64 + 64 * 64]
    assert net.layers[-2].is_free


def test_windows_of_one_and_three_axes() -> None:
    tape = Tape(1, 80, 3000)
    one = tape(
        *("conv", IMAGE, (1, 16, 1500)),
        out_channels=16, kernel=(3,), stride=(2,), padding=(1, 1), bias=False,
    )  # fmt: skip
    net = tape.net(tape("act", one, (1, 16, 1500), name="gelu"))
    assert (net.params, net.macs) == (80 * 3 * 16, 80 * 3 * 16 * 1500)
    assert net.layers[0].shape_out == (16, 1500, 1)
    assert net.layers[0].activation == "gelu"
    assert not net.layers[0].reshaped

    tape = Tape(1, 3, 8, 32, 32)
    three = tape(
        *("conv", IMAGE, (1, 16, 4, 16, 16)),
        out_channels=16, kernel=(3, 5, 5), stride=(2, 2, 2), padding=(1, 2, 2) * 2, bias=True,
    )  # fmt: skip
    pooled = tape("pool", three, (1, 16, 1, 1, 1), mode="global_avg")
    net = tape.net(linear(tape, tape("view", pooled, (1, 16)), (1, 5), 16))
    assert net.layers[0].shape_out == (16, 64, 16)
    assert net.params == 3 * 75 * 16 + 16 + 85
    assert net.macs == 3 * 75 * 16 * 4 * 256 + 80


def test_transposed() -> None:
    tape = Tape(1, 8, 4, 4)
    made = tape(
        *("conv", IMAGE, (1, 6, 8, 8)), out_channels=6, kernel=(2, 2), stride=(2, 2),
        padding=(0,) * 4, transposed=True, groups=2, bias=True,
    )  # fmt: skip
    net = tape.net(made)
    assert (net.params, net.macs) == (8 * 3 * 4 + 6, 8 * 3 * 4 * 16)
    assert net.layers[0].shape_out == (6, 8, 8)


def test_squeeze_and_excitation() -> None:
    tape = Tape(1, 8, 16, 16)
    mean = tape("pool", IMAGE, (1, 8, 1, 1), mode="global_avg")
    one = {"kernel": (1, 1), "stride": (1, 1), "padding": (0,) * 4, "bias": True}
    low = tape(
        "act", tape("conv", mean, (1, 2, 1, 1), out_channels=2, **one), (1, 2, 1, 1), name="relu"
    )
    gate = tape(
        "act", tape("conv", low, (1, 8, 1, 1), out_channels=8, **one), (1, 8, 1, 1), name="sigmoid"
    )
    net = tape.net(tape("mul", [gate, IMAGE], (1, 8, 16, 16)))
    last = net.layers[-1]
    assert (last.kind, last.inputs, last.shape_out) == ("mul", (-1, 2), (8, 16, 16))
    assert last.numbers_read == 8 * 256 + 8
    assert net.counted is None


def test_tokens_and_recurrence() -> None:
    tape = Tape(1, 12)
    words = tape("embedding", IMAGE, (1, 12, 6), rows=100, extra_params=0)
    state = tape("recurrent", words, (1, 12, 10), mode="lstm", hidden=5, directions=2, bias=True)
    more = tape("norm", state, (1, 12, 10), mode="rms", params=10)
    out = linear(tape, more, (1, 12, 100), 10, extra_params=-600, bias=False)
    net = tape.net(out)
    lstm = 2 * 4 * 5 * (6 + 5)
    assert net.params == 600 + lstm + 2 * 2 * 4 * 5 + 10 + 400
    assert net.macs == 12 * (lstm + 1000)
    assert net.layers[0].bytes_read == 4 * 12 * 7
    assert net.layers[0].bytes_written == 4 * 72


def test_bits_and_what_moves() -> None:
    tape = Tape(1, 4, 8, 8)
    big = tape("resize", IMAGE, (1, 4, 16, 16), mode="nearest", bits=8)
    cut = tape("view", big, (1, 4, 8, 16), partly=True)
    tall = tape("concat", [cut, big], (1, 4, 24, 16), axis=2)
    wide = tape("concat", [tall, tall], (1, 8, 24, 16), axis=1)
    best = tape("reduce", wide, (1, 24, 16), name="argmax")
    far = tape("input", [], (1, 24, 16))
    net = tape.net(tape("elementwise", [best, far], (1, 24, 16), name="not-equal"))
    kinds = [(layer.kind, layer.mode) for layer in net.layers]
    assert kinds == [
        ("resize", "nearest"), ("move", "slice"), ("move", "concat"), ("concat", None),
        ("reduce", "argmax"), ("input", None), ("elementwise", "not_equal"),
    ]  # fmt: skip
    assert net.layers[0].bytes_written == 4 * 256
    assert net.layers[1].bytes_read == 0
    assert net.layers[2].numbers_read == 4 * 24 * 16
    assert net.layers[5].inputs == ()


def test_padding_waits_for_a_window() -> None:
    tape = Tape(1, 4, 8, 8)
    padded = tape("pad", IMAGE, (1, 4, 10, 10), paddings=(1, 1, 1, 1))
    fields = {
        "out_channels": 4,
        "kernel": (3, 3),
        "stride": (1, 1),
        "padding": (0,) * 4,
        "bias": False,
    }
    net = tape.net(tape("conv", padded, (1, 4, 8, 8), **fields))
    assert len(net) == 1
    tape = Tape(1, 4, 8, 8)
    padded = tape("pad", IMAGE, (1, 4, 10, 10), paddings=(1, 1, 1, 1))
    net = tape.net(tape("act", padded, (1, 4, 10, 10), name="relu"))
    assert [layer.kind for layer in net.layers] == ["move", "act"]


def test_wrong_shapes() -> None:
    tape = Tape(1, 4, 8, 8)
    fields = {
        "out_channels": 4,
        "kernel": (3, 3),
        "stride": (1, 1),
        "padding": (0,) * 4,
        "bias": False,
    }
    tape("conv", IMAGE, (1, 4, 8, 8), **fields)
    with pytest.raises(ArgumentError, match="conv at conv: its result must be of shape"):
        tape.net()
    tape = Tape(1, 4, 8, 8)
    tape("matmul", [IMAGE, IMAGE], (1, 4, 8, 8), batch=4, rows=8, inner=9, columns=8)
    with pytest.raises(ArgumentError, match="it must read 288 numbers, got 256"):
        tape.net()
