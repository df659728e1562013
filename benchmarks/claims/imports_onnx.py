"""Any network in, from ONNX: what is read of real models, and are its counts right?

Models of torchvision, timm and transformers are exported by torch, by both of its exporters, and
read back; files from public packages and the test models that the onnx package ships are read as
they are. DATA is a folder with expected.csv (set, name, arguments, input_shape, params, macs,
macs_constant) and onnx_files.csv (sha256, input_shape, macs); FILES are folders that hold the
packages' files, found by their hashes. What is not installed is left out and counted as absent.

    python -m benchmarks.claims.imports_onnx DATA --exporter script --opset 17 --most-macs 5e9
    python -m benchmarks.claims.imports_onnx DATA --files FOLDER --only files
    python -m benchmarks.claims.imports_onnx --only shipped

A verdict is a line: right (multiply-accumulates equal), read (none are known), wrong, refused, or
not exported (by torch
itself). Parameters are told beside: exporters fold batch norms, and leave out biases of zeros.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
import warnings
from collections import Counter
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from flash.errors import FlashError
from flash.networks.reading.from_onnx.file import read_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARTS = ("exported", "files", "shipped")
VISION = {  # multiply-accumulates of the networks that the onnx package ships without weights
    "light_bvlc_alexnet": 654560384,
    "light_densenet121": 2834161664,
    "light_inception_v1": 1431556352,
    "light_inception_v2": 2018851840,
    "light_resnet50": 4089184256,
    "light_shufflenet": 124664528,
    "light_squeezenet": 349151936,
    "light_vgg19": 19632062464,
    "light_zfnet512": 1481727008,
}


def verdict(source: Any, macs: Sequence[int], shape: Any = None) -> tuple[str, str]:
    """Return what came of reading a file, in a word and in figures."""
    start = process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = read_onnx(source, shape)
    except FlashError as error:
        return "refused", f"{type(error).__name__}: {error}"[:300]
    taken = process_time() - start
    figures = f"{net.params} params, {net.macs} MACs, {len(net)} rows, {taken:.2f} s"
    if macs and net.macs not in macs:
        return "wrong", f"{figures}; must be {' or '.join(map(str, macs))} MACs"
    return "right" if macs else "read", figures


# Exported models


def exported(
    data: Path, exporter: str, opset: int, most_macs: float, names: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """Export each model of expected.csv and read it."""
    with (data / "expected.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in sorted(rows, key=lambda row: float(row["macs"] or "inf")):
        macs = int(row["macs"] or 0)
        if (names and row["name"] not in names) or (not names and macs > most_macs):
            continue
        name = f"{row['set']} {row['name']}"
        try:
            source = export(row, exporter, opset)
        except ImportError as error:
            yield name, "absent", str(error)
            continue
        except Exception as error:  # whatever torch says of a model that it cannot write
            yield name, "not exported", f"{type(error).__name__}: {error}".splitlines()[0][:200]
            continue
        accepted = [macs, macs - int(row["macs_constant"] or 0)] if macs else []
        word, figures = verdict(source, accepted)
        yield name, word, f"{figures}; the module has {row['params']} params"


def export(row: dict[str, str], exporter: str, opset: int) -> Any:
    """Return the bytes or the model that torch writes of a row of expected.csv."""
    import torch

    torch.backends.mha.set_fastpath_enabled(False)  # the exporters know no kernel of its own
    module = built(row)
    sizes = json.loads(row["input_shape"])
    given: Any = torch.randint(0, 100, (1, *sizes)) if len(sizes) == 1 else torch.randn(1, *sizes)
    if row["group"] == "detection" and "." not in row["name"]:
        given = [given[0]]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "script":
            buffer = io.BytesIO()
            torch.onnx.export(module, (given,), buffer, dynamo=False, opset_version=opset)
            return buffer.getvalue()
        program = torch.onnx.export(
            module, (given,), dynamo=True, opset_version=opset, verbose=False
        )
    return None if program is None else program.model_proto


def built(row: dict[str, str]) -> Any:
    """Return a row's module, with weights as they are drawn."""
    arguments = json.loads(row["arguments"])
    name, _, part = row["name"].partition(":")[0].partition(".")
    if row["set"] == "torchvision":
        module = import_module("torchvision").models.get_model(name, weights=None, **arguments)
    elif row["set"] == "timm":
        module = import_module("timm").create_model(name, pretrained=False, **arguments)
    else:
        kind = getattr(import_module("transformers"), name)
        module = kind(kind.config_class(**arguments))
    if part:
        module = module.get_submodule(part)
    module = module.eval()
    return _plain(module) if row["set"] == "transformers" else module


def _plain(module: Any) -> Any:
    """Return a module that hands out tuples and keeps nothing between calls."""
    import torch

    def forward(self: Any, given: Any) -> Any:
        words = not given.is_floating_point() and hasattr(module.config, "use_cache")
        made = self.module(given, **({"use_cache": False} if words else {}))
        return made.to_tuple() if hasattr(made, "to_tuple") else made

    plain = type("Plain", (torch.nn.Module,), {"forward": forward})()
    plain.module = module
    return plain


# Files as they are


def found(data: Path, folders: Sequence[Path]) -> Iterator[tuple[str, str, str]]:
    """Read the files of onnx_files.csv, as far as the folders hold them."""
    hashes = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path
        for folder in folders
        for path in sorted(folder.rglob("*.onnx"))
    }
    with (data / "onnx_files.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name = f"{row['package']} {Path(row['path']).name}"
            path = hashes.get(row["sha256"])
            if path is None:
                yield name, "absent", ""
                continue
            macs = [int(row["macs"])] if row["macs"] else []
            yield (name, *verdict(path, macs, json.loads(row["input_shape"])))


def shipped() -> Iterator[tuple[str, str, str]]:
    """Read the networks that the onnx package ships for its own tests."""
    import onnx

    folder = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for name, macs in VISION.items():
        path = folder / "light" / f"{name}.onnx"
        yield (name, *verdict(path, [macs])) if path.exists() else (name, "absent", "")
    for path in sorted(folder.glob("pytorch-*/*/model.onnx")):
        yield (path.parent.name, *verdict(path, []))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--exporter", choices=("script", "dynamo"), default="script")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--most-macs", type=float, default=5e9)
    parser.add_argument("--names", nargs="+", default=[])
    parser.add_argument("--files", type=Path, nargs="+", default=[])
    args = parser.parse_args()
    parts = args.only or PARTS
    if args.data is None and set(parts) != {"shipped"}:
        parser.error("DATA is needed for all but --only shipped")
    for part in PARTS:
        if part not in parts:
            continue
        if part == "exported":
            lines = exported(args.data, args.exporter, args.opset, args.most_macs, args.names)
        elif part == "files":
            lines = found(args.data, args.files)
        else:
            lines = shipped()
        count: Counter[str] = Counter()
        for name, word, figures in lines:
            count[word] += 1
            print(f"{part:9}{word:13}{name}: {figures}", flush=True)
        total = ", ".join(f"{number} {word}" for word, number in count.most_common())
        print(f"{part}: {total or 'none'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
