"""What the command line reads: each command's options, and the texts that stand for choices."""

from __future__ import annotations

import sys

from ..errors import ArgumentError
from .read import (
    SPACE,
    amount_of,
    count,
    fraction,
    number,
    option,
    read_objective,
    read_row,
    read_space,
    read_space_data,
    seconds,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any, NoReturn

__all__ = [
    "BUDGETS",
    "HELP",
    "USAGE",
    "add_budgets",
    "commands",
    "method_options",
    "option",
    "parser",
    "prepare",
    "read",
    "read_objective",
    "read_row",
    "read_space",
    "read_space_data",
]

USAGE = 2  # exit code of an argument that is not accepted
# Commands that can take long, and show how far they are.
WATCHED = (
    *("search", "pareto", "choose", "evaluate", "sweep", "measure", "calibrate", "train"),
    *("suggest", "compare"),
)

HELP = """\
usage: flash COMMAND ...

Which network should be trained for this hardware? flash finds the best of a search space under
latency, energy and area budgets, and proves it.

commands:
  search     find the best network for a target and its budgets
               flash search densenet rram --max-latency-ms 4 --max-energy-mj 0.04
  pareto     every trade-off between objectives that no network betters
               flash pareto densenet rram --objectives accuracy,latency_ms --plot front.png
  choose     one option for each group of a table, the best under conditions
               flash choose blocks.csv --minimize loss --where "latency_ms <= 12"
  evaluate   score and costs of networks that you name
               flash evaluate densenet rram 0 1000 net.json
  cost       what a network costs, layer by layer: an ONNX or torch.export file, or JSON
               flash cost model.onnx --target raspberry-pi-4
  sweep      every network of a space, or a sample: how many fit, the best, tables of all
               flash sweep resnet rram --max-latency-ms 4 --top 5
  measure    run networks for real, here or on another machine, and time them
               flash measure net.json --runtime onnxruntime
  calibrate  fit a target to what was measured, or choose, measure and fit in one go
               flash calibrate --quick --space densenet --images photos
  train      train the network that a search found, or networks that cover a space
               flash train best.json --images photos
  suggest    which networks to train next, given what is trained so far
               flash suggest densenet rram --measured trained.csv --max-latency-ms 4
  tell       how a training went that was suggested through a folder
               flash tell asked 0001 0.913 --seconds 512
  fit        fit an accuracy predictor to what is trained
               flash fit trained.csv --space densenet --out predictor.json
  export     write a network with its trained weights, as ONNX or for torch
               flash export runs/densenet --onnx best.onnx
  compare    run the search methods of other papers on the same problem
               flash compare densenet rram --max-latency-ms 4 --seeds 3 --max-evals 500
  explore    a page on this machine: move budgets, and the proven network follows
               flash explore densenet rram
  report     one page of all that a folder of results holds
               flash report runs --out runs.html
  targets    the hardware that flash knows, or one target in full
               flash targets rram
  completion a script that completes all this at Tab, for bash, zsh and fish
               flash completion bash > ~/.local/share/bash-completion/completions/flash
  info       how this flash was built, for bug reports
               flash info --json

`flash COMMAND --help` lists what a command takes; --json makes each print JSON.
flash --version prints the version.
"""

SEARCH_EXAMPLES = """\
examples:
  flash search densenet rram --max-latency-ms 4 --max-energy-mj 0.04 --max-area-mm2 70
  flash search mobilenet-v2 cpu-x86 --resolution 224 --max-latency-ms 20 --json mobile.json
  flash search densenet cpu-x86 --images photos --max-latency-ms 2 --json best.json
  flash search densenet rram --cells 3,4 --depths 5:20 --skips 0:31@32 --max-params 2e6
  flash search resnet rram --objective accuracy=1,latency_ms=-1,energy_mj=-1
  flash search densenet --targets fleet --max-latency-ms 4 --json answers.jsonl
  flash search densenet fpga-zu3eg --codesign --max-latency-ms 5
  flash search resnet rram --minimize latency_ms --where depth_0==depth_1 --k 3 --min-distance 2
  flash search resnet --together pi=raspberry-pi-4 --together phone=pixel-3 --max-latency-ms 90

choices of a space: 3 (fixed), 1,2,3 (a list), 5:30 or 5:30:5 (low:high:step), 0:127@32 (in steps
of width/32, skips only); per cell with / between: --depths 5:30/5:20/5:10
"""

# Options of search that are keyword arguments of flash.search, and how their text is read.
BUDGETS: dict[str, tuple[str, str, Any]] = {
    "max_latency_ms": ("MS", "latency of one image, in milliseconds", amount_of("milliseconds")),
    "max_energy_mj": ("MJ", "energy of one image, in millijoules", amount_of("millijoules")),
    "max_area_mm2": ("MM2", "chip area, in square millimetres", amount_of("square millimetres")),
    "max_params": ("N", "parameters, as 2e6 or 2M", count),
    "max_macs": ("N", "multiply-accumulates of one image, as 3e8 or 300M", count),
    "max_memory_kib": ("KIB", "values of the network while it runs, in KiB", amount_of("KiB")),
    "max_weights_kib": ("KIB", "weights of the network, in KiB", amount_of("KiB")),
    "min_accuracy": ("A", "predicted accuracy, in [0, 1]; needs --predictor", fraction),
}


def _bare_parser(command: str) -> ArgumentParser:
    import argparse

    class Parser(argparse.ArgumentParser):
        intermixed = False  # places may stand between options

        def parse_args(self, *given: Any) -> Any:  # type: ignore[override]
            if self.intermixed:
                return self.parse_intermixed_args(*given)
            return super().parse_args(*given)

        def error(self, message: str) -> NoReturn:
            from ..base.checks import hint

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
    add("space", metavar="SPACE", help="densenet, resnet, wide-resnet, mobilenet-v2, "
        "mobilenet-v3, convnext, vit, decoder, mcunet, hurricane, fbnet-v2, a plugin's, or "
        "a file")  # fmt: skip
    add("target", metavar="TARGET", nargs="*", help="names or files of targets")
    _fleet_options(parser)
    add_budgets(parser)
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")
    add("--objective", action="append", metavar="O",
        help="accuracy (default), nn_degree, exponents of a weighted product: "
        "accuracy=1,latency_ms=-1, a weighted sum: 'sum: nn_degree=1, latency_ms=-2', or the same "
        "as JSON; sums and names repeated: one after another")  # fmt: skip
    _conditions(parser)
    add("--method", default="shgo", metavar="NAME",
        help="shgo (default), exact, another paper's (see flash compare --help), or a "
        "plugin's")  # fmt: skip
    add(
        "--confidence",
        metavar="LEVEL",
        type=fraction,
        help="budgets hold for the upper ends of the costs' intervals at this level, as 0.9",
    )
    add("--codesign", action="store_true",
        help="choose the accelerator too, where the target has a design space")  # fmt: skip
    add("--no-certify", action="store_true", help="SHGO alone, with its gap to the bound")
    add("--seed", type=count, default=0, metavar="N")
    add("--time-limit-s", type=seconds, metavar="S", help="stop after so many seconds")
    add("--max-evals", type=count, metavar="N", help="stop after so many evaluations")
    add("--json", nargs="?", const="-", metavar="PATH",
        help="print JSON, or write it to PATH besides printing the screen")  # fmt: skip
    method_options(parser)
    _space_options(parser)


def _conditions(parser: ArgumentParser) -> None:
    """Add what is asked beyond budgets: see docs/howto/conditions.md."""
    group = parser.add_argument_group("conditions beyond budgets")
    add = group.add_argument
    add("--where", action="append", metavar="C",
        help="a condition, as 'latency_ms >= 2 and depth_0 == depth_1'; repeated: all of "
        "them")  # fmt: skip
    add("--min-nn-degree", type=number, metavar="X", help="NN-Degree at least")
    add("--minimize", action="append", metavar="METRIC",
        help="a cost that is to be least; repeated: one after another")  # fmt: skip
    add("--k", type=count, default=1, metavar="N", help="so many networks, best first")
    add("--min-distance", type=count, default=1, metavar="N",
        help="choices that they differ in at least")  # fmt: skip
    add("--together", action="append", metavar="NAME=TARGET",
        help="instead of TARGET, repeated: one network for several devices, whose costs "
        "conditions call latency_ms@NAME")  # fmt: skip


def _fleet_options(parser: Any) -> None:
    """Add what `flash search` takes for many devices."""
    add = parser.add_argument
    add("--targets", metavar="DIR",
        help="instead of TARGET: every .json file of a folder, one line each; --json prints one "
        "JSON line per device as soon as it is answered")  # fmt: skip
    add("--budgets", metavar="FILE",
        help="TOML or JSON of budgets and conditions, by their names in Python; with --targets by "
        'device (file name without .json), like {"phone": {"max_latency_ms": 4, "where": '
        '"depth_0 == depth_1"}}; what is given as options goes before it, or holds for all '
        "other devices")  # fmt: skip
    add("--threads", type=count, metavar="N", help="for several targets (all processors)")
    # TARGET may be absent: argparse would take none where an option follows SPACE
    parser.intermixed = True


def method_options(parser: ArgumentParser) -> None:
    """Add what tells accuracies."""
    group = parser.add_argument_group("accuracies, for the methods of other papers")
    add = group.add_argument
    add("--evaluator", metavar="NAME", help="a registered evaluator (docs/howto/plugins.md)")
    add("--table", metavar="FILE", help="accuracies of trained networks: CSV, JSON or Parquet")
    add("--accuracy-column", metavar="NAME", help="the table's column of accuracies")
    add("--name-column", metavar="NAME", help="the table's column of names")
    add("--skip-missing", action="store_true", help="leave out networks that the table lacks")
    add("--train", metavar="DATA", help="train each network; DATA as for flash train")
    add("--supernet", metavar="DATA",
        help="train one supernet for all networks; DATA as for flash train")  # fmt: skip
    add("--epochs", type=count, metavar="N", help="of each training (10), or of the supernet (30)")
    add("--out", metavar="FOLDER", help="where trainings, or the supernet, are kept")
    add("--keep-weights", action="store_true", help="keep the weights of what is trained")
    add("--journal", metavar="FILE", help="keep evaluations there, and take them from there")
    add("--option", action="append", metavar="O",
        help="an option of a method: samples=8 (compare: fp-nas.samples=8)")  # fmt: skip


def add_budgets(parser: ArgumentParser) -> None:
    """Add an option for each budget."""
    group = parser.add_argument_group("budgets")
    for name, (metavar, text, kind) in BUDGETS.items():
        group.add_argument(option(name), type=kind, metavar=metavar, help=text)


def _prepare_pareto(parser: ArgumentParser) -> None:
    from .front import prepare_pareto

    prepare_pareto(parser)
    _space_options(parser)


def _space_options(parser: ArgumentParser, images: bool = True) -> None:
    group = parser.add_argument_group("choices of the space, instead of its own")
    for name, text in SPACE.items():
        group.add_argument(option(name), metavar="C", help=text)
    if images:
        group.add_argument("--images", metavar="FOLDER",
            help="labelled images, as flash train takes them: the space has their size and number "
            "of classes")  # fmt: skip


def _prepare_choose(parser: ArgumentParser) -> None:
    from .choose import prepare_choose

    prepare_choose(parser)


def _prepare_evaluate(parser: ArgumentParser) -> None:
    from .sweep import prepare_evaluate

    prepare_evaluate(parser)
    _json_option(parser)
    _space_options(parser)


def _prepare_cost(parser: ArgumentParser) -> None:
    from .cost import prepare_cost

    prepare_cost(parser)


def _prepare_sweep(parser: ArgumentParser) -> None:
    from .sweep import prepare_sweep

    prepare_sweep(parser)
    _space_options(parser)


def _prepare_measure(parser: ArgumentParser) -> None:
    from .measure import prepare_measure

    prepare_measure(parser)
    _space_options(parser)


def _prepare_calibrate(parser: ArgumentParser) -> None:
    from .measure import prepare_calibrate

    prepare_calibrate(parser)
    _space_options(parser)


def _prepare_train(parser: ArgumentParser) -> None:
    from .train import prepare_train

    prepare_train(parser)
    _json_option(parser)
    _space_options(parser, images=False)


def _prepare_suggest(parser: ArgumentParser) -> None:
    from .suggest import prepare_suggest

    prepare_suggest(parser)
    _space_options(parser)


def _prepare_tell(parser: ArgumentParser) -> None:
    from .suggest import prepare_tell

    prepare_tell(parser)
    _json_option(parser)


def _prepare_fit(parser: ArgumentParser) -> None:
    from .fit import prepare_fit

    prepare_fit(parser)
    _json_option(parser)
    _space_options(parser)


def _prepare_export(parser: ArgumentParser) -> None:
    from .export import prepare_export

    prepare_export(parser)
    _json_option(parser)


def _prepare_compare(parser: ArgumentParser) -> None:
    from .compare import prepare_compare

    prepare_compare(parser)
    _space_options(parser)


def _prepare_explore(parser: ArgumentParser) -> None:
    from .explore import prepare_explore

    prepare_explore(parser)
    _space_options(parser)


def _prepare_report(parser: ArgumentParser) -> None:
    from .report import prepare_report

    prepare_report(parser)
    _json_option(parser)


def _prepare_targets(parser: ArgumentParser) -> None:
    parser.description = "List the targets of flash and of plugins, or print one in full."
    parser.epilog = "example:\n  flash targets rram\n"
    parser.add_argument("target", metavar="TARGET", nargs="?", help="name or file of a target")
    _json_option(parser)


def _prepare_completion(parser: ArgumentParser) -> None:
    from .completion import prepare_completion

    prepare_completion(parser)


def _prepare_info(parser: ArgumentParser) -> None:
    parser.description = "Print how this flash was built and what runs it."
    parser.epilog = "example:\n  flash info --json\n"
    _json_option(parser)


def parser(command: str) -> ArgumentParser:
    """Return the parser of one command; only this one is ever built."""
    made = _bare_parser(command)
    prepare(command, made)
    return made


def prepare(command: str, parser: ArgumentParser) -> None:
    """Add what a command takes, and what every one does."""
    _PREPARE[command](parser)
    add = parser.add_argument_group("what standard error shows").add_argument
    if command in WATCHED:
        add("--progress", action="store_true",
            help="how far it is, also where that is no terminal, and from the start")  # fmt: skip
    add("-q", "--quiet", action="store_true", help="neither progress nor warnings")
    add("-v", "--verbose", action="count", default=0,
        help="what is read, written and begun; given twice: more of it")  # fmt: skip


def commands() -> tuple[str, ...]:
    """Return the names of all commands."""
    return tuple(_PREPARE)


def read(command: str, words: list[str]) -> Namespace:
    """Return what the words after a command say."""
    from .words import UnclearError, Words

    plain: Any = Words()
    try:
        _PREPARE[command](plain)
        if command in WATCHED:
            plain.add_argument("--progress", action="store_true")
        found: Namespace = plain.read(words)
    except UnclearError:
        found = parser(command).parse_args(words)
    if command in WATCHED:
        if found.progress and found.quiet:
            raise ArgumentError("--progress and --quiet must not both be given")
        if not found.progress and not found.quiet and sys.stderr is not None:
            found.progress = sys.stderr.isatty() and "auto"
    return found


_PREPARE = {
    "search": _prepare_search,
    "pareto": _prepare_pareto,
    "choose": _prepare_choose,
    "evaluate": _prepare_evaluate,
    "cost": _prepare_cost,
    "sweep": _prepare_sweep,
    "measure": _prepare_measure,
    "calibrate": _prepare_calibrate,
    "train": _prepare_train,
    "suggest": _prepare_suggest,
    "tell": _prepare_tell,
    "fit": _prepare_fit,
    "export": _prepare_export,
    "compare": _prepare_compare,
    "explore": _prepare_explore,
    "report": _prepare_report,
    "targets": _prepare_targets,
    "completion": _prepare_completion,
    "info": _prepare_info,
}
