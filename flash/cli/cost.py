"""The command ``flash cost``."""

from __future__ import annotations

from ..errors import ArgumentError
from .common import add_json, check_json, finish, screen
from .read import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = ["cost", "prepare_cost"]

COST_EXAMPLES = """\
examples:
  flash cost model.onnx --target raspberry-pi-4
  flash cost model.onnx --target cpu-x86 --input-shape 3,224,224 --top 10
  flash cost program.pt2 --target cpu-x86-torch --html cost.html
  flash cost net.json --target rram --json cost.json

One line for each layer: its time and share of it, multiply-accumulates, kibibytes that it reads and
writes with its parameters, kibibytes of values that are there while it runs, and what takes most of
its time by the target's own model: computing, memory (numbers moved), or the calls themselves. Then
totals, peak memory, and what lies outside the target's calibration.
"""
ENDINGS = (".onnx", ".pt2", ".json")
MOST_AXES = 6
PICKLED = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")


def prepare_cost(parser: ArgumentParser) -> None:
    """Add the options of ``flash cost``."""
    parser.description = "Tell what a network costs on a target, layer by layer."
    parser.epilog = COST_EXAMPLES
    add = parser.add_argument
    add("file", metavar="FILE",
        help="an ONNX model (.onnx), a program that torch.export.save wrote (.pt2), or the JSON of "
        "a network, an architecture or a search result")  # fmt: skip
    add("--target", metavar="TARGET", required=True, help="name or file of a target")
    add("--input-shape", action="append", metavar="C,H,W",
        help="sizes of the input without the batch, where the file leaves them open: 3,224,224, or "
        "a length alone for token numbers; of several inputs of an ONNX model, repeated: "
        "NAME=3,224,224")  # fmt: skip
    add("--top", type=count, metavar="N", help="only the N layers that take longest")
    add("--html", metavar="PATH", help="write a page with the table to PATH")
    add_json(parser)


def cost(args: Namespace) -> int:
    """Run ``flash cost``."""
    import flash

    check_json(args)
    if args.top is not None and args.top < 1:
        raise ArgumentError(f"--top must be at least 1, got {args.top}")
    if args.html is not None:
        from ..base.checks import writable

        writable("--html", args.html)
    shape = _shapes(args.input_shape)
    target = flash.Target.load(args.target)
    found = target.cost(_network(args.file, shape))
    files: list[Any] = []
    text = screen(found.table(args.top))
    if args.json == "-":
        text = found.to_json()
    elif args.json is not None:
        files.append((args.json, found.to_json))
    if args.html is not None:
        files.append((args.html, lambda path: found.to_html(path, top=args.top)))
    from .options import USAGE

    return 0 if finish(text, *files) else USAGE


def _shapes(texts: list[str] | None) -> tuple[int, ...] | dict[str, tuple[int, ...]] | None:
    """Read ``3,224,224``, or ``name=3,224,224`` of several inputs."""
    if texts is None:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return _sides(texts[0])
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, _, sides = text.rpartition("=")
        if not name or name in found:
            raise ArgumentError(
                "--input-shape must be given once, or as NAME=3,224,224, each name once, "
                f"got {text!r}"
            )
        found[name] = _sides(sides)
    return found


def _sides(text: str) -> tuple[int, ...]:
    try:
        sides = tuple(int(part) for part in text.split(","))
    except ValueError:
        sides = ()
    if not sides or min(sides) < 1 or len(sides) > MOST_AXES:
        raise ArgumentError(
            "--input-shape must be sizes without the batch, with commas between, as 3,224,224, "
            f"got {text!r}"
        )
    return sides


def _network(path: str, shape: Any) -> Any:
    """Return the network that a file holds."""
    import os

    from ..base.checks import hint, shown
    from ..networks.network import Network

    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        remedy = hint(ending, ENDINGS)
        if ending in PICKLED:
            remedy = (
                ": such files are code, which is not run; write the module with "
                "torch.export.save or torch.onnx.export"
            )
        raise ArgumentError(f"FILE must end in {', '.join(ENDINGS)}, got {shown(path)}{remedy}")
    if not os.path.exists(path):
        raise ArgumentError(f"FILE must be there, got {shown(path)}")
    if ending == ".json":
        if shape is not None:
            raise ArgumentError("--input-shape is of .onnx and .pt2 files: JSON says its own")
        from ..base.checks import parse_json, read_text
        from ..hardware._samples import from_data
        from ..networks.cell_networks import FAMILY, CellNetwork

        where = f"the network file {shown(path)}"
        data = parse_json(read_text(path, where), where)
        inner = data.get("architecture") or data if isinstance(data, dict) else {}
        if isinstance(inner, dict) and inner.get("family") == FAMILY:
            return CellNetwork.from_dict(inner)
        return from_data(data, where)
    if ending == ".onnx":
        return Network.from_onnx(path, shape)
    if isinstance(shape, dict):
        raise ArgumentError("--input-shape with a name is of .onnx files")
    from ..base.extras import require

    require("flash cost of a .pt2 file", "torch", "torch")
    from ..networks.reading.from_torch.exported import load_exported

    return Network.from_torch(load_exported(path), shape)
