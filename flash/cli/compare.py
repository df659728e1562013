"""``flash compare``, and what it shares with ``flash search`` by a method of another paper."""

from __future__ import annotations

from ..errors import ArgumentError
from .read import count, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = [
    "compare",
    "method_options",
    "prepare_compare",
    "read_any_space",
    "read_evaluator",
    "read_options",
]

FOUND, NOTHING, USAGE, INTERRUPTED = 0, 1, 2, 130

EXAMPLES = """\
examples:
  flash compare densenet rram --max-latency-ms 4 --max-energy-mj 0.04 --seeds 3 --max-evals 500
  flash compare densenet rram --predictor default --methods random,evolution --seeds 3
  flash compare nas-bench-macro cpu-x86 --table accuracies.csv --max-latency-ms 1.2 --json out.json
  flash compare densenet cpu-x86 --train digits --out runs/digits --depths 2:4 --max-evals 40
  flash compare mobilenet-v2 pixel-3 --supernet digits --out runs/supernet --resolution 8

SPACE may also be nas-bench-macro or nas-bench-201, whose accuracies are in a table (CSV, JSON or
Parquet), or bypass. With --train every evaluation is a training, with --supernet one training is
for all of them; both are kept in --out, and the same command goes on.
"""


def method_options(parser: ArgumentParser) -> None:
    """Add what tells accuracies."""
    group = parser.add_argument_group("accuracies, for the methods of other papers")
    add = group.add_argument
    add("--table", metavar="FILE", help="accuracies of trained networks: CSV, JSON or Parquet")
    add("--accuracy-column", metavar="NAME", help="the table's column of accuracies")
    add("--name-column", metavar="NAME", help="the table's column of names")
    add("--skip-missing", action="store_true", help="leave out networks that the table lacks")
    add("--train", metavar="DATA", help="train each network: digits, or an .npz file")
    add("--supernet", metavar="DATA",
        help="train one supernet for all networks: digits, or an .npz file")  # fmt: skip
    add("--epochs", type=count, metavar="N", help="of each training (10), or of the supernet (30)")
    add("--out", metavar="FOLDER", help="where trainings, or the supernet, are kept")
    add("--journal", metavar="FILE", help="keep evaluations there, and take them from there")
    add("--option", action="append", metavar="O",
        help="an option of a method: samples=8 (compare: fp-nas.samples=8)")  # fmt: skip


def prepare_compare(parser: ArgumentParser) -> None:
    """Add the options of ``flash compare``."""
    from .options import add_budgets

    parser.description = "Run several search methods on the same problem, side by side."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE",
        help="densenet, resnet, wide-resnet, mobilenet-v2, nas-bench-macro, nas-bench-201, or a "
        "file")  # fmt: skip
    add("target", metavar="TARGET", help="name or file of a target")
    add("--methods", metavar="A,B", help="which, with commas between (all that fit)")
    add("--seeds", type=count, default=10, metavar="N", help="runs of each method (10)")
    add("--baseline", metavar="NAME",
        help="what others are compared with (random, or the first)")  # fmt: skip
    add_budgets(parser)
    add("--codesign", action="store_true", help="compare what chooses the accelerator too")
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")
    add("--objective", action="append", metavar="O",
        help="accuracy (default), or exponents of a weighted product")  # fmt: skip
    add("--time-limit-s", type=seconds, metavar="S", help="of each run")
    add("--max-evals", type=count, metavar="N", help="evaluations of each run (1000)")
    add("--plot", metavar="PATH", help="draw quality against evaluations and time")
    add("--quiet", action="store_true", help="show no progress on standard error")
    add("--json", nargs="?", const="-", metavar="PATH",
        help="print JSON, or write it to PATH besides printing the table")  # fmt: skip
    method_options(parser)


def read_any_space(args: Namespace) -> Any:
    """Return the space that SPACE and the options name: of either kind."""
    from ..networks.families import FAMILIES
    from .options import read_space

    if args.space not in FAMILIES:
        from ..spaces.network_space import HOMES

        if args.space in HOMES:
            return args.space
    return read_space(args)


def read_evaluator(args: Namespace) -> Any:
    """Return the evaluator that the options name, or None."""
    given = [name for name in ("table", "train", "supernet") if getattr(args, name) is not None]
    if len(given) > 1:
        raise ArgumentError(f"--{given[0]} and --{given[1]} must not both be given")
    if args.table is not None:
        from ..evaluators.by_table import TableEvaluator

        return TableEvaluator(
            args.table,
            accuracy=args.accuracy_column,
            name=args.name_column,
            missing="skip" if args.skip_missing else "error",
        )
    for name in ("accuracy_column", "name_column"):
        if getattr(args, name) is not None:
            raise ArgumentError(f"--{name.replace('_', '-')} needs --table")
    if args.train is not None or args.supernet is not None:
        what = "--train" if args.train is not None else "--supernet"
        if args.out is None:
            raise ArgumentError(f"{what} needs --out, the folder where trainings are kept")
        settings: Any = {} if args.epochs is None else {"epochs": args.epochs}
        if args.supernet is not None:
            from ..evaluators.by_supernet import SupernetEvaluator

            return SupernetEvaluator(args.supernet, args.out, **settings)
        from ..evaluators.by_training import TrainingEvaluator

        dataset: Any = args.train
        return TrainingEvaluator(dataset, args.out, **settings)
    if args.out is not None or args.epochs is not None:
        raise ArgumentError("--out and --epochs need --train or --supernet")
    return None


def read_options(texts: list[str] | None) -> dict[str, Any]:
    """Read ``name=value`` of several options."""
    found: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or name in found:
            raise ArgumentError(f"--option must be like samples=8, each once, got {text!r}")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def compare(args: Namespace) -> int:
    """Run ``flash compare``; return the exit code."""
    import flash

    from .common import check_json, print_result
    from .options import BUDGETS, read_objective

    check_json(args)
    options: dict[str, dict[str, Any]] = {}
    for name, value in read_options(args.option).items():
        method, _, own = name.partition(".")
        if not own:
            raise ArgumentError(f"--option must name a method, like fp-nas.{name}={value}")
        options.setdefault(method, {})[own] = value
    if args.plot is not None:
        from ..comparing.drawing import check

        check(args.plot)
    result = flash.compare(
        read_any_space(args),
        args.target,
        methods=None if args.methods is None else args.methods.split(","),
        seeds=args.seeds,
        baseline=args.baseline,
        options=options or None,
        evaluator=read_evaluator(args),
        max_evals=args.max_evals,
        time_limit_s=args.time_limit_s,
        progress=not args.quiet,
        codesign=args.codesign,
        predictor=args.predictor,
        objective=read_objective(args.objective),
        journal=args.journal,
        **{name: getattr(args, name) for name in BUDGETS},
    )
    pictures = []
    if args.plot is not None:
        from ..comparing.drawing import save

        pictures.append((args.plot, lambda path: save(result, path)))
    if not print_result(args, result, *pictures):
        return USAGE
    if result.interrupted:
        return INTERRUPTED
    return FOUND if result.success else NOTHING
