"""Readers of files and texts, given damaged ones: a FlashError, or something that can be kept.

    make fuzz                      every reader, some thousand inputs each
    make fuzz FUZZ="search 1e6"    one of them; a seed may follow

An input is a good one with something wrong: a node of its JSON replaced, moved, doubled or dropped,
or its bytes changed, cut and mixed with another's. What raises anything else than a FlashError, or
takes longer than `SECONDS`, ends the run and is written to a file whose name is told.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
import warnings
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flash
from flash.base.checks import parse_json
from flash.errors import FlashError
from twins.hostile import ODD

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 20  # of one input
FEW = 2_000
TINY = flash.DenseNet(depths=[5, 6], skips=[0, 8])
SMALL = flash.DenseNet(width_multipliers=[1], depths=[5], skips=[0, 8], cells=1)


class Reader:
    """What is read: good texts, and a function that reads one and looks at what it has read."""

    def __init__(self, good: Callable[[], list[bytes]], read: Callable[[bytes, Path], Any]) -> None:
        self.good, self.read = good, read


def _text(made: Callable[[], Any]) -> Callable[[], list[bytes]]:
    return lambda: [made().to_json().encode()]


def _kept(kind: Any) -> Callable[[bytes, Path], Any]:
    """Read by a class's from_json, show, and write again."""

    def read(data: bytes, _: Path) -> None:
        found = kind.from_json(data.decode("utf-8", "surrogateescape"))
        str(found)
        found.to_json()

    return read


def _file(load: Callable[[Path], Any], name: str) -> Callable[[bytes, Path], Any]:
    def read(data: bytes, folder: Path) -> None:
        path = folder / name
        path.write_bytes(data)
        repr(load(path))

    return read


def _target(data: bytes, _: Path) -> None:
    target = flash.Target.from_dict(parse_json(data.decode("utf-8", "surrogateescape"), "target"))
    target.to_json()
    target.cost(TINY.decode(0))


def _predictor() -> list[bytes]:
    nets = SMALL.sample(2, seed=0) + TINY.sample(10, seed=0)
    accuracies = [0.5 + 0.01 * (n % 5) for n in range(len(nets))]
    return [flash.AccuracyPredictor.fit(nets, accuracies).to_json().encode()]


def _space_files() -> list[bytes]:
    return [
        b'family = "densenet"\ndepths = [5, 6]\nskips = {low = 0, high = 8}\ncells = 2\n',
        b'family = "mobilenet-v2"\nresolution = 64\nexpansions = [3, 6]\nkernels = [3]\n',
    ]


def _measurements() -> list[bytes]:
    times = dict.fromkeys(("median_ms", "q1_ms", "q3_ms", "min_ms", "wall_ms", "cpu_ms"), 1.5)
    found = flash.Measurement(
        name="n", runtime="torch", device="cpu", **times, noise_pct=1.0, runs=9, passes=2,
        warmup_runs=1, settled=True, energy_mj=None, energy_source="", conditions={"threads": 1},
        subject={"architecture": TINY.decode(0).to_dict()},
    )  # fmt: skip
    return [found.to_json().encode()]


def _network() -> list[bytes]:
    layers = [
        {"kind": "conv", "out_channels": 8, "kernel": 3, "padding": 1},
        {"kind": "conv", "out_channels": 8, "kernel": 3, "padding": 1},
        {"kind": "add", "inputs": [0, 1]},
        {"kind": "pool", "mode": "global_avg"},
        {"kind": "linear", "out_channels": 10},
    ]
    nets = [TINY.decode(0).network(), flash.Network.from_layers(layers, (3, 16, 16))]
    return [net.to_json().encode() for net in nets]


def _onnx() -> list[bytes]:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "n.onnx")
        SMALL.decode(0).to_onnx(path)
        return [path.read_bytes()]


READERS: dict[str, Reader] = {
    "search": Reader(
        _text(lambda: flash.search(TINY, "rram", max_latency_ms=4.0)), _kept(flash.SearchResult)
    ),
    "infeasible": Reader(
        _text(lambda: flash.search(TINY, "rram", max_latency_ms=0.01, max_energy_mj=1e-4)),
        _kept(flash.SearchResult),
    ),
    "front": Reader(_text(lambda: flash.pareto(SMALL, "rram")), _kept(flash.ParetoFront)),
    "sweep": Reader(
        _text(lambda: flash.sweep(TINY, "rram", top=2, bins=2)), _kept(flash.SweepResult)
    ),
    "fleet": Reader(
        _text(lambda: flash.search(SMALL, ["rram", "cpu-x86"])), _kept(flash.FleetResult)
    ),
    "comparison": Reader(
        _text(lambda: flash.compare(TINY, "rram", methods=["random"], seeds=1, max_evals=5)),
        _kept(flash.Comparison),
    ),
    "target": Reader(lambda: [flash.Target.load("cpu-x86").to_json().encode()], _target),
    "space": Reader(_space_files, _file(flash.SearchSpace.load, "s.toml")),
    "space json": Reader(
        lambda: [json.dumps(TINY.to_dict()).encode()], _file(flash.SearchSpace.load, "s.json")
    ),
    "predictor": Reader(_predictor, _file(flash.AccuracyPredictor.load, "p.json")),
    "measurements": Reader(_measurements, _kept(flash.Measurement)),
    "architecture": Reader(_text(lambda: TINY.decode(3)), _kept(flash.Architecture)),
    "network": Reader(_network, _kept(flash.Network)),
    "onnx": Reader(_onnx, _file(flash.Network.from_onnx, "n.onnx")),
}


def _nodes(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    if isinstance(data, dict):
        for key, value in data.items():
            found += _nodes(value, (*at, key))
    elif isinstance(data, list):
        for k, value in enumerate(data[:50]):
            found += _nodes(value, (*at, k))
    return found


def _within(data: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        data = data[key]
    return data


def wrong_nodes(text: bytes, rng: random.Random) -> bytes:
    """Return a JSON text with up to three of its nodes changed."""
    data = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        nodes = _nodes(data)[1:]
        if not nodes:
            break
        at = rng.choice(nodes)
        inner, key = _within(data, at[:-1]), at[-1]
        what = rng.randrange(6)
        if what == 0:
            inner[key] = deepcopy(rng.choice(ODD))  # which the next change may go into
        elif what == 1:
            inner[key] = json.loads(json.dumps(_within(data, rng.choice(nodes))))
        elif what == 2:
            del inner[key]
        elif what == 3 and isinstance(inner, dict):
            inner[rng.choice(("", "x", "format", key + "s"))] = inner.pop(key)
        elif what == 4 and isinstance(inner, list):
            inner.insert(rng.randrange(len(inner) + 1), inner[key])
        elif isinstance(inner[key], (int, float)) and abs(inner[key]) < 1e300:
            inner[key] = inner[key] * rng.choice((-1, 0, 0.5, 2, 1e9, 1e300)) + rng.choice((0, 1))
        else:
            inner[key] = [inner[key]]
    return json.dumps(data).encode()


def wrong_bytes(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return bytes of which some are changed, left out, doubled or another's."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(found) + 1)
        size = rng.choice((1, 1, 2, 16))
        what = rng.randrange(5)
        if what == 0:
            found[at : at + size] = rng.randbytes(size)
        elif what == 1:
            del found[at : at + size]
        elif what == 2:
            found[at:at] = found[at : at + size]
        elif what == 3:
            start = rng.randrange(len(other) + 1)
            found[at : at + size] = other[start : start + size]
        else:
            del found[at : len(found) if rng.random() < 0.2 else at + 1]
    return bytes(found)


def fuzz(name: str, inputs: int, seed: int = 0) -> int:
    """Give a reader so many inputs; return how many it refused.

    Raises
    ------
    AssertionError
        If one raised something else than a FlashError, or took too long: it is kept in a file.
    """
    reader, rng, refused = READERS[name], random.Random(f"{name}{seed}"), 0
    good = reader.good()
    plain = name not in ("space", "onnx")  # JSON
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in good:
            reader.read(text, Path(place))
        for n in range(inputs):
            one = rng.choice(good)
            if plain and rng.random() < 0.7:
                data = wrong_nodes(one, rng)
            else:
                data = wrong_bytes(one, rng.choice(good), rng)
            signal.alarm(SECONDS)
            try:
                reader.read(data, Path(place))
            except (FlashError, OSError):
                refused += 1
            except BaseException as error:
                kept = Path(tempfile.gettempdir(), f"fuzz-{name.replace(' ', '-')}-{seed}-{n}")
                kept.write_bytes(data)
                raise AssertionError(f"{name}: {kept}") from error
            finally:
                signal.alarm(0)
    return refused


def _too_long(*_: object) -> None:
    raise TimeoutError(f"an input took more than {SECONDS} s")


def main(arguments: list[str]) -> None:
    signal.signal(signal.SIGALRM, _too_long)
    names = [arguments[0]] if arguments and arguments[0] != "all" else list(READERS)
    inputs = int(float(arguments[1])) if len(arguments) > 1 else FEW
    seed = int(arguments[2]) if len(arguments) > 2 else 0
    for name in names:
        began = time.process_time()
        refused = fuzz(name, inputs, seed)
        took = time.process_time() - began
        print(f"{name}: {inputs:,} inputs, {refused:,} refused, {took:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
