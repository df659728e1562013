"""``flash compare``, and what it shares with ``flash search`` by a method of another paper."""

from __future__ import annotations

from ..errors import ArgumentError
from .read import count, read_evaluator, read_options, read_space, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = [
    "compare",
    "prepare_compare",
]

STORED = ("max_memory_kib", "max_weights_kib")
FOUND, NOTHING, USAGE, INTERRUPTED = 0, 1, 2, 130

EXAMPLES = """\
examples:
  flash compare densenet rram --max-latency-ms 4 --max-energy-mj 0.04 --seeds 3 --max-evals 500
  flash compare densenet rram --predictor default --methods random,evolution --seeds 3
  flash compare densenet rram --methods random,pnas,tuned=pnas --option tuned.beam=32
  flash compare nas-bench-macro cpu-x86 --table accuracies.csv --max-latency-ms 1.2 --json out.json
  flash compare densenet cpu-x86 --train digits --out runs/digits --depths 2:4 --max-evals 40
  flash compare mobilenet-v2 pixel-3 --supernet digits --out runs/supernet --resolution 8

SPACE may also be nas-bench-macro or nas-bench-201, whose accuracies are in a table (CSV, JSON or
Parquet), or bypass. With --train every evaluation is a training, with --supernet one training is
for all of them; both are kept in --out, and the same command goes on.
"""


def prepare_compare(parser: ArgumentParser) -> None:
    """Add the options of ``flash compare``."""
    from .options import add_budgets, method_options

    parser.description = "Run several search methods on the same problem, side by side."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE",
        help="densenet, mobilenet-v3 and others, nas-bench-macro, nas-bench-201, a plugin's, or a "
        "file")  # fmt: skip
    add("target", metavar="TARGET", help="name or file of a target")
    add("--methods", metavar="A,B",
        help="which, with commas between (all that fit); NAME=A renames one")  # fmt: skip
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
    add(
        "--plot",
        metavar="PATH",
        help="draw quality against evaluations and time: .html (plotly), .png, .svg or .pdf",
    )
    add("--json", nargs="?", const="-", metavar="PATH",
        help="print JSON, or write it to PATH besides printing the table")  # fmt: skip
    method_options(parser)


def read_methods(text: str) -> list[str] | dict[str, str]:
    """Read methods with commas between, some perhaps under names of their own: ``NAME=METHOD``."""
    if "=" not in text:
        return text.split(",")
    found: dict[str, str] = {}
    for one in text.split(","):
        name, equals, method = one.partition("=")
        if name in found:
            raise ArgumentError(f"--methods: two are called {name!r}")
        found[name] = method if equals else name
    return found


def compare(args: Namespace) -> int:
    """Run ``flash compare``; return the exit code."""
    import flash

    from .common import check_json, check_picture, print_result
    from .options import BUDGETS, read_objective

    check_json(args)
    for name in STORED:
        if getattr(args, name) is not None:
            raise ArgumentError(
                f"--{name.replace('_', '-')}: the methods of other papers take no such budget; "
                "flash search does"
            )
    options: dict[str, dict[str, Any]] = {}
    for name, value in read_options(args.option).items():
        method, _, own = name.rpartition(".")
        if not method:
            raise ArgumentError(f"--option must name a method, like fp-nas.{name}={value}")
        options.setdefault(method, {})[own] = value
    check_picture(args)
    result = flash.compare(
        read_space(args),
        args.target,
        methods=None if args.methods is None else read_methods(args.methods),
        seeds=args.seeds,
        baseline=args.baseline,
        options=options or None,
        evaluator=read_evaluator(args),
        max_evals=args.max_evals,
        time_limit_s=args.time_limit_s,
        progress=args.progress,
        codesign=args.codesign,
        predictor=args.predictor,
        objective=read_objective(args.objective),
        journal=args.journal,
        **{name: getattr(args, name) for name in BUDGETS if name not in STORED},
    )
    pictures = []
    if args.plot is not None:
        from ..comparing.drawing import chart_of

        pictures.append((args.plot, lambda path: chart_of(result).save(path)))
    if not print_result(args, result, *pictures):
        return USAGE
    if result.interrupted:
        return INTERRUPTED
    return FOUND if result.success else NOTHING
