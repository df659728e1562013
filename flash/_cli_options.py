"""What the command line reads: each command's options, and the texts that stand for choices."""

from __future__ import annotations

import sys

from .errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any, NoReturn

    from .spaces import SearchSpace

__all__ = [
    "BUDGETS",
    "HELP",
    "USAGE",
    "parser",
    "read_objective",
    "read_row",
    "read_space",
    "read_space_data",
]

USAGE = 2  # exit code of an argument that is not accepted

HELP = """\
usage: flash COMMAND ...

Which network should be trained for this hardware? flash finds the best of a search space under
latency, energy and area budgets, and proves it.

commands:
  search     find the best network for a target and its budgets
               flash search densenet rram --max-latency-ms 4 --max-energy-mj 0.04
  evaluate   score and costs of networks that you name
               flash evaluate densenet rram 0 1000 net.json
  measure    run networks for real, here or on another machine, and time them
               flash measure net.json --runtime onnxruntime
  calibrate  fit a target to what was measured, or choose, measure and fit in one go
               flash calibrate --space densenet --n 25 --runtime onnxruntime
  train      train networks that cover a space, for an accuracy predictor
               flash train --data digits
  compare    run the search methods of other papers on the same problem
               flash compare densenet rram --max-latency-ms 4 --seeds 3 --max-evals 500
  targets    the hardware that flash knows, or one target in full
               flash targets rram
  info       how this flash was built, for bug reports
               flash info --json

`flash COMMAND --help` lists what a command takes; --json makes each print JSON.
flash --version prints the version.
"""

SEARCH_EXAMPLES = """\
examples:
  flash search densenet rram --max-latency-ms 4 --max-energy-mj 0.04 --max-area-mm2 70
  flash search mobilenet-v2 cpu-x86 --resolution 224 --max-latency-ms 20 --json mobile.json
  flash search densenet rram --cells 3,4 --depths 5:20 --skips 0:31@32 --max-params 2e6
  flash search resnet rram --objective accuracy=1,latency_ms=-1,energy_mj=-1

choices of a space: 3 (fixed), 1,2,3 (a list), 5:30 or 5:30:5 (low:high:step), 0:127@32 (in steps
of width/32, skips only); per cell with / between: --depths 5:30/5:20/5:10
"""

EVALUATE_EXAMPLES = """\
examples:
  flash evaluate densenet rram 0 123456789
  flash evaluate densenet rram 0,0,0,10,3,10,3,10,3 --json
  flash evaluate densenet rram result.json
"""

TRAIN_EXAMPLES = """\
examples:
  flash train --data digits
  flash train densenet --data images.npz --epochs 30 --out runs/densenet
  flash train densenet --data digits --depths 3:8 --n 10 --repeats 2 --json

Without SPACE: a small DenseNet-type space (width multipliers 0.25, 0.5, 1 and depths 2 to 6) that
one processor trains in minutes. A named space has the images' own size and number of classes. The
run is kept in its folder, one JSON line per finished network in results.jsonl; stopped in any way,
the same command goes on with it.
"""

# What `flash train` takes where no space is named.
SMALL_SPACE = {
    "family": "densenet",
    "width_multipliers": [0.25, 0.5, 1],
    "depths": {"low": 2, "high": 6},
    "skips": {"low": 0, "high": 32, "unit": "width/8"},
}

# Options of search that are keyword arguments of flash.search, and how their text is read.
BUDGETS = {
    "max_latency_ms": ("MS", "latency of one image, in milliseconds"),
    "max_energy_mj": ("MJ", "energy of one image, in millijoules"),
    "max_area_mm2": ("MM2", "chip area, in square millimetres"),
    "max_params": ("N", "parameters"),
    "max_macs": ("N", "multiply-accumulates of one image"),
    "min_accuracy": ("A", "predicted accuracy, in [0, 1]; needs --predictor"),
}
_SPACE = {
    "width_multipliers": "width multipliers",
    "cells": "numbers of cells",
    "resolution": "image sizes in pixels",
    "num_classes": "classes of the head",
    "depths": "depths, per cell",
    "skips": "skips, per cell",
    "widths": "free widths, per cell, instead of width multipliers",
    "expansions": "expansions, per cell (mobilenet-v2)",
    "kernels": "kernels, per cell (mobilenet-v2)",
    "link_seed": "seed of the drawn links",
}


def _bare_parser(command: str) -> ArgumentParser:
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            from ._validate import hint

            for word in message.split():  # "unrecognized arguments: --max-latency"
                if word.startswith("--"):
                    if word.rstrip(":") not in self._option_string_actions:
                        message += hint(word, self._option_string_actions)
                    break
            print(f"flash {command}: error: {message}", file=sys.stderr)
            print(f"`flash {command} --help` lists what it takes", file=sys.stderr)
            sys.exit(USAGE)

    return Parser(
        prog=f"flash {command}",
        allow_abbrev=False,
        # Without a width argparse imports shutil, to ask the terminal even where it prints nothing.
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=98),
    )


def _json_option(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _prepare_search(parser: ArgumentParser) -> None:
    parser.description = "Find the best network of a space for a target and its budgets."
    parser.epilog = SEARCH_EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE", help="densenet, resnet, wide-resnet, mobilenet-v2, or a file")
    add("target", metavar="TARGET", nargs="+", help="names or files of targets")
    group = parser.add_argument_group("budgets")
    for name, (metavar, text) in BUDGETS.items():
        group.add_argument(_option(name), type=float, metavar=metavar, help=text)
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")
    add("--objective", action="append", metavar="O",
        help="accuracy (default), or exponents of a weighted product: accuracy=1,latency_ms=-1, "
        "or the same as JSON")  # fmt: skip
    add("--method", default="shgo", metavar="NAME",
        help="shgo (default), exact, or another paper's: see flash compare --help")  # fmt: skip
    add("--no-certify", action="store_true", help="SHGO alone, with its gap to the bound")
    add("--seed", type=int, default=0, metavar="N")
    add("--time-limit-s", type=float, metavar="S", help="stop after so many seconds")
    add("--max-evals", type=int, metavar="N", help="stop after so many evaluations")
    add("--progress", action="store_true", help="show progress on standard error")
    add("--json", nargs="?", const="-", metavar="PATH",
        help="print JSON, or write it to PATH besides printing the screen")  # fmt: skip
    from ._cli_compare import method_options

    method_options(parser)
    _space_options(parser)


def _space_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("choices of the space, instead of its own")
    for name, text in _SPACE.items():
        group.add_argument(_option(name), metavar="C", help=text)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _prepare_evaluate(parser: ArgumentParser) -> None:
    parser.description = "Print the score and the costs of networks of a space on a target."
    parser.epilog = EVALUATE_EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE", help="densenet, resnet, wide-resnet, mobilenet-v2, or a file")
    add("target", metavar="TARGET", help="name or file of a target")
    add("network", metavar="NETWORK", nargs="+",
        help="a flat index, a row of choice indices with commas between, or a JSON file of an "
        "architecture or of a search result")  # fmt: skip
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")
    _json_option(parser)
    _space_options(parser)


def _prepare_measure(parser: ArgumentParser) -> None:
    from ._cli_measure import prepare_measure

    prepare_measure(parser)
    _space_options(parser)


def _prepare_calibrate(parser: ArgumentParser) -> None:
    from ._cli_measure import prepare_calibrate

    prepare_calibrate(parser)
    _space_options(parser)


def _prepare_train(parser: ArgumentParser) -> None:
    parser.description = "Train networks that cover a space, and judge them on held-out images."
    parser.epilog = TRAIN_EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE", nargs="?",
        help="densenet, resnet, wide-resnet, mobilenet-v2, or a file")  # fmt: skip
    add("--data", required=True, metavar="DATA",
        help="digits (8 x 8 images of scikit-learn), or an .npz file with images and labels, and "
        "perhaps test_images and test_labels")  # fmt: skip
    add("--n", type=int, default=25, metavar="N", help="networks to train (25)")
    add("--epochs", type=int, metavar="N", help="passes over the images (10)")
    add("--batch-size", type=int, metavar="N", help="images a step")
    add("--learning-rate", type=float, metavar="R", help="its peak (0.1)")
    add("--augment", metavar="HOW", help="none, flip, shift or flip-shift")
    add("--precision", metavar="P", help="auto, float32 or bfloat16")
    add("--test-fraction", type=float, default=0.2, metavar="F",
        help="share of each class held out where there are no test images (0.2)")  # fmt: skip
    add("--repeats", type=int, default=1, metavar="N", help="trainings of each network")
    add("--seed", type=int, default=0, metavar="N")
    add("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N")
    add("--workers", type=int, metavar="N", help="networks at a time")
    add("--out", metavar="FOLDER", help="where the run is kept")
    add("--no-resume", action="store_true", help="refuse a folder with finished networks")
    add("--keep-weights", action="store_true", help="keep each network's weights")
    add("--quiet", action="store_true", help="show no progress on standard error")
    _json_option(parser)
    _space_options(parser)


def _prepare_compare(parser: ArgumentParser) -> None:
    from ._cli_compare import prepare_compare

    prepare_compare(parser)
    _space_options(parser)


def _prepare_targets(parser: ArgumentParser) -> None:
    parser.description = "List the targets that come with flash, or print one in full."
    parser.epilog = "example:\n  flash targets rram\n"
    parser.add_argument("target", metavar="TARGET", nargs="?", help="name or file of a target")
    _json_option(parser)


def _prepare_info(parser: ArgumentParser) -> None:
    parser.description = "Print how this flash was built and what runs it."
    parser.epilog = "example:\n  flash info --json\n"
    _json_option(parser)


def read_space(args: Namespace) -> str | SearchSpace:
    """Return the space: a name where that is all, else an object of what the options say."""
    from .architecture import FAMILIES

    if args.space in FAMILIES and all(getattr(args, key) is None for key in _SPACE):
        return str(args.space)
    from .spaces import SearchSpace

    return SearchSpace.from_dict(read_space_data(args))


def read_space_data(args: Namespace) -> dict[str, Any]:
    """Return the space as plain data: what its name or file and the options say, and no more."""
    from .architecture import FAMILIES
    from .spaces import SearchSpace

    name = args.space
    changes = {key: getattr(args, key) for key in _SPACE if getattr(args, key) is not None}
    data: dict[str, Any]
    if name is None:
        data = dict(SMALL_SPACE)
    elif name in FAMILIES:
        data = {"family": name}
    elif name.endswith((".toml", ".json")):
        data = SearchSpace.load(name).to_dict()
    else:
        from ._validate import hint, shown

        raise ArgumentError(
            f"SPACE must be one of {', '.join(FAMILIES)}, or a .toml or .json file, "
            f"got {shown(name)}{hint(name, FAMILIES)}"
        )
    if "widths" in changes:
        data.pop("width_multipliers", None)
    if "width_multipliers" in changes:
        data.pop("widths", None)
    data.update({key: _choices(key, text) for key, text in changes.items()})
    return data


def _choices(name: str, text: str) -> Any:
    """Read `3`, `1,2,3`, `5:30:5` or `0:127@32`, or several of them with `/` between."""
    if "/" in text:
        return [_one_choice(name, part, listed=True) for part in text.split("/")]
    return _one_choice(name, text)


def _one_choice(name: str, text: str, listed: bool = False) -> Any:
    body, at, divisor = text.partition("@")
    try:
        if ":" in body:
            numbers = [_number(part) for part in body.split(":")]
            if len(numbers) > 3:
                raise ValueError
            found: Any = dict(zip(("low", "high", "step"), numbers, strict=False))
            if at:
                found["unit"] = f"width/{int(divisor)}"
            return found
        if at:
            raise ValueError
        values = [_number(part) for part in body.split(",")]
    except ValueError:
        raise ArgumentError(
            f"{_option(name)} must be like 3, 1,2,3, 5:30, 5:30:5 or 0:127@32 "
            f"(per cell with / between), got {text!r}"
        ) from None
    return values if listed or len(values) > 1 else values[0]


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def read_objective(texts: list[str] | None) -> Any:
    """Read `accuracy`, `accuracy=1,latency_ms=-1` (also repeated) or a JSON object."""
    if not texts:
        return "accuracy"
    if len(texts) == 1 and "=" not in texts[0]:
        from ._validate import parse_json

        text = texts[0].strip()
        return parse_json(text, "--objective") if text.startswith("{") else text
    exponents: dict[str, float] = {}
    for part in ",".join(texts).split(","):
        name, _, value = part.partition("=")
        try:
            exponent = float(value)
        except ValueError:
            exponent = float("nan")
        if exponent != exponent or name in exponents:
            raise ArgumentError(
                f"--objective must be like accuracy=1,latency_ms=-1 with each name once, "
                f"got {part!r}"
            )
        exponents[name] = exponent
    return exponents


def read_row(space: SearchSpace, text: str) -> tuple[int, ...]:
    """Return the row of choice indices that an argument of evaluate stands for."""
    from ._validate import integer, parse_json, read_text, shown

    words = text.split(",")
    if all(word.removeprefix("-").isdecimal() and len(word) < 4000 for word in words):
        from ._space_codec import checked_row, row_of

        numbers = [int(word) for word in words]
        if len(numbers) == 1:
            return row_of(space, integer("NETWORK", numbers[0], 0, space.size - 1))
        return checked_row(space, numbers)
    from .architecture import Architecture

    where = f"the network file {shown(text)}"
    try:
        data = parse_json(read_text(text, "the network file"), where)
    except FileNotFoundError:
        raise ArgumentError(
            "NETWORK must be a flat index, a row of choice indices with commas between, or a JSON "
            f"file, got {shown(text)}, and there is no such file"
        ) from None
    if isinstance(data, dict) and "architecture" in data:
        data = data["architecture"]
        if data is None:
            raise ArgumentError(f"the search result in {text!r} has no network")
    try:
        return space.encode(Architecture.from_dict(data))
    except (ArgumentError, ArgumentTypeError) as error:
        raise ArgumentError(f"{where}: {error}") from None


def parser(command: str) -> ArgumentParser:
    """Return the parser of one command; only this one is ever built."""
    made = _bare_parser(command)
    _PREPARE[command](made)
    return made


_PREPARE = {
    "search": _prepare_search,
    "evaluate": _prepare_evaluate,
    "measure": _prepare_measure,
    "calibrate": _prepare_calibrate,
    "train": _prepare_train,
    "compare": _prepare_compare,
    "targets": _prepare_targets,
    "info": _prepare_info,
}
