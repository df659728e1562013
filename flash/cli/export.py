"""``flash export``: a network with its trained weights, as an ONNX file, for torch, or as code."""

from __future__ import annotations

import os

from ..errors import ArgumentError
from .read import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = ["export", "prepare_export"]

EXPORT_EXAMPLES = """\
examples:
  flash export runs/densenet --onnx best.onnx
  flash export runs/densenet --index 7 --torch net7.pt
  flash export result.json --weights runs/digits --onnx net.onnx
  flash export result.json --torch-code net.py

A folder of `flash train --keep-weights` stands for its most accurate network. Weights tell how the
images were normalised that they were trained on; so does this command. Without --weights the
networks of JSON files have new ones, drawn from --seed. Source code holds no weights: its class
loads those of --torch (load_state_dict).
"""
ENDINGS = (".json", ".npz")


def prepare_export(parser: ArgumentParser) -> None:
    """Add the options of ``flash export``."""
    parser.description = (
        "Write a network with its trained weights as an ONNX file or for torch, or its source code."
    )
    parser.epilog = EXPORT_EXAMPLES
    add = parser.add_argument
    add("network", metavar="NETWORK",
        help="folder of flash train, weights that it kept (.npz), or the JSON of a network or of a "
        "search result")  # fmt: skip
    add("--index", type=count, metavar="N", help="of a folder: network N instead of the best")
    add("--weights", metavar="W",
        help="of JSON: weights, or a folder of trainings where the network is found")  # fmt: skip
    add("--onnx", metavar="FILE", help="write an ONNX file")
    add("--torch", metavar="FILE", help="write the weights as a state_dict for torch.load")
    add("--torch-code", metavar="FILE",
        help="write the network's Python source code, which needs torch alone")  # fmt: skip
    add("--opset", type=count, default=17, metavar="N", help="of ONNX (17)")
    add("--batch", type=count, metavar="N", help="images at once (any number)")
    add("--seed", type=count, default=0, metavar="N", help="of new weights (0)")


def export(args: Namespace) -> int:
    """Run ``flash export``."""
    from ..base.checks import writable
    from .common import print_json

    outputs = {"--onnx": args.onnx, "--torch": args.torch, "--torch-code": args.torch_code}
    given = {name: path for name, path in outputs.items() if path is not None}
    if not given:
        raise ArgumentError("--onnx, --torch or --torch-code, the file to write, must be given")
    for name, path in given.items():
        writable(name, path)
    network, weights, facts = _chosen(args)
    from ..base.checks import write_text_atomic
    from ..base.extras import require

    code = None
    if args.torch_code is not None:
        code = _code(network, args.network)
    if weights is not None or list(given) != ["--torch-code"]:
        require("flash export", "onnx" if args.onnx is not None else "torch", "torch")
        module = network.to_torch(seed=args.seed)
        if weights is not None:
            from ..networks.weights import load_weights

            load_weights(module, weights)
        if args.onnx is not None:
            network.to_onnx(args.onnx, module=module, opset=args.opset, batch=args.batch)
        if args.torch is not None:
            _save(module, args.torch)
    if code is not None:
        write_text_atomic(given["--torch-code"], code)
    told: dict[str, Any] = {
        "network": network.to_dict(),
        "weights": weights,
        "onnx": args.onnx,
        "torch": args.torch,
        "torch_code": args.torch_code,
        **{name: facts.get(name) for name in ("accuracy", "mean", "deviation")},
        "labels": facts.get("dataset", {}).get("labels"),
    }
    if args.json:
        print_json(told)
        return 0
    print(f"{' and '.join(given.values())}: {network.family}, {network.params:,} parameters")
    if list(given) == ["--torch-code"]:
        return 0
    if weights is None:
        print(f"new weights, from seed {args.seed}")
        return 0
    accuracy = told["accuracy"]
    rate = "" if accuracy is None else f", accuracy {100 * accuracy:.2f} %"
    print(f"weights of {weights}{rate}")
    if told["mean"] is not None:
        print(
            "trained on images less their mean "
            f"{_numbers(told['mean'])}, divided by {_numbers(told['deviation'])}"
        )
    if told["labels"] is not None:
        print(f"classes: {', '.join(told['labels'])}")
    return 0


def _code(network: Any, path: str) -> str:
    """Return a network's source code; of the file of a search result it says what was found."""
    write = getattr(network, "to_torch_code", None)
    if write is None:
        raise ArgumentError(f"--torch-code: a {type(network).__name__} is not written as code")
    about = None
    if path.endswith(".json"):
        from ..errors import FlashError
        from ..results.result import SearchResult
        from ..results.screen import found_for

        try:
            about = found_for(SearchResult.from_json(path))
        except FlashError:  # a network alone
            about = None
    code: str = write(about=about)
    return code


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _chosen(args: Namespace) -> tuple[Any, str | None, dict[str, Any]]:
    """Return (network, path of its weights or None, what these say of themselves)."""
    from ..base.checks import shown
    from ..networks.weights import weights_facts
    from ..spaces.network_files import network_from_dict

    path = args.network
    if not os.path.exists(path):
        raise ArgumentError(f"NETWORK must be there, got {shown(path)}")
    if os.path.isdir(path):
        from ..training.results import TrainingResult

        if args.weights is not None:
            raise ArgumentError("--weights is of the JSON of a network: a folder has its own")
        result = TrainingResult.load(_folder_of(path))
        one = result.best if args.index is None else result.sample(args.index)
        weights = result.weights(one.index, one.repeat)
        return one.architecture, weights, weights_facts(weights)
    if args.index is not None:
        raise ArgumentError(f"--index is of a folder of flash train, got {shown(path)}")
    if path.endswith(".npz"):
        if args.weights is not None:
            raise ArgumentError("--weights is of the JSON of a network, got weights as NETWORK too")
        facts = weights_facts(path)
        return network_from_dict(facts.get("network", {})), path, facts
    if not path.endswith(".json"):
        raise ArgumentError(
            f"NETWORK must be a folder, or end in {', '.join(ENDINGS)}, got {shown(path)}"
        )
    network = _of_json(path)
    if args.weights is None:
        return network, None, {}
    weights = args.weights
    if os.path.isdir(weights):
        weights = _found(network, _folder_of(weights))
    told = {} if weights.lower().endswith((".pt", ".pth")) else weights_facts(weights)
    return network, weights, told


def _of_json(path: str) -> Any:
    from ..base.checks import parse_json, read_text, shown
    from ..spaces.network_files import network_from_dict

    where = f"the network file {shown(path)}"
    data: Any = parse_json(read_text(path, where), where)
    inner = data.get("architecture") or data if isinstance(data, dict) else data
    return network_from_dict(inner)


def _folder_of(path: str) -> str:
    """Return the folder of a training run: an evaluator's has it below its own."""
    below = os.path.join(path, "trainings")
    own = os.path.exists(os.path.join(path, "results.jsonl"))
    return below if not own and os.path.isdir(below) else path


def _found(network: Any, folder: str) -> str:
    """Return the path of a network's weights in a folder of trainings."""
    from ..training.results import TrainingResult

    result = TrainingResult.load(folder)
    for one in result.samples:
        if one.architecture == network:
            best = result.best  # of several trainings the kept one
            return result.weights(one.index, best.repeat if best.index == one.index else 0)
    raise ArgumentError(f"--weights: the network was not trained in {folder!r}")


def _save(module: Any, path: str) -> None:
    import io

    import torch

    from ..base.checks import write_bytes_atomic

    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    write_bytes_atomic(path, buffer.getvalue())
